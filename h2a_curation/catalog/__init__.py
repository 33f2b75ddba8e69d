"""The only Parquet and DuckDB of the curation side: parts, what is left to do, views and SQL."""
