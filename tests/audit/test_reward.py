from h2a_curation.audit.reward import reliability, without_wrong
from tests.audit.small_audit import SmallAudit

GOOD = ("ok",) * 5


def test_what_a_label_denies_is_not_accepted_nor_are_its_copies(tmp_path):
    audit = SmallAudit(tmp_path)
    for name in ("right", "wrong", "silent"):
        audit.add(name, *GOOD)
    audit.add("copy", *GOOD, clip="wrong")
    audit.label("right", True)
    audit.label("wrong", False)
    accepted = frozenset((f"s:{name}", "deadlift") for name in ("right", "wrong", "silent", "copy"))
    accepted |= {("s:wrong", "squat")}
    assert without_wrong(audit.committed(), accepted) == {
        ("s:right", "deadlift"), ("s:silent", "deadlift"), ("s:wrong", "squat"),
    }  # fmt: skip


def test_without_labels_all_classes_are_reliable(tmp_path):
    audit = SmallAudit(tmp_path)
    audit.add("a", *GOOD)
    audit.add("b", *GOOD, class_id="squat")
    assert reliability(audit.committed(), audit.decided()) == {"deadlift": 1.0, "squat": 1.0}


def test_a_class_with_wrong_labels_falls_and_one_without_labels_follows_a_little(tmp_path):
    audit = SmallAudit(tmp_path)
    for n in range(10):
        audit.add(f"d{n}", *GOOD)
        audit.label(f"d{n}", n < 5)
        audit.add(f"s{n}", *GOOD, class_id="squat")
        audit.label(f"s{n}", True, class_id="squat")
    audit.add("u", *GOOD, class_id="surf")
    found = reliability(audit.committed(), audit.decided())
    assert 0.5 < found["deadlift"] < found["surf"] < found["squat"] < 1
    assert found["deadlift"] < 0.7


def test_labels_on_posts_that_were_not_drawn_or_not_accepted_do_not_count(tmp_path):
    audit = SmallAudit(tmp_path)
    audit.add("picked", *GOOD, probability=None)
    audit.label("picked", False)
    audit.add("rejected", "ok", "ok", "low_margin")
    audit.label("rejected", False)
    audit.add("a", *GOOD)
    assert reliability(audit.committed(), audit.decided()) == {"deadlift": 1.0}
