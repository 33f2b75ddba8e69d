"""What people really bring: each test is one situation, and docs/field-tests.md is the table of all of them."""
