"""The edge: Prefect runs the same build, with schedules, parameters, retries and artifacts."""
