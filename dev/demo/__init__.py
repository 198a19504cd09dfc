"""The demo: a pipeline that fails, retries and recovers on a throw-away cluster, and shows it."""
