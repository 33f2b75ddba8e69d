import dataclasses

import pyarrow as pa
import pytest

import schemas
from tests.factories import post

RECORDS = [getattr(schemas, name) for name in schemas.__all__ if isinstance(getattr(schemas, name), type)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.__name__)
def test_every_record_has_a_schema_with_its_fields_in_order(record):
    assert schemas.arrow_schema(record).names == [f.name for f in dataclasses.fields(record)]


def test_only_optional_fields_are_nullable():
    schema = schemas.arrow_schema(schemas.Post)
    assert schema.field("creator").nullable
    assert not schema.field("post_id").nullable
    assert schema.field("hashtags").type == pa.list_(pa.string())


def test_rows_come_back_as_they_went_in():
    rows = [post(), post("s:2", creator=None, hashtags=[], duration_s=None)]
    assert schemas.from_arrow(schemas.Post, schemas.to_arrow(schemas.Post, rows)) == rows


def test_no_rows_still_have_the_schema():
    assert schemas.to_arrow(schemas.Media, []).schema == schemas.arrow_schema(schemas.Media)
