"""The data contract: one frozen dataclass a table, its Arrow schema derived from it.

Imports the standard library and pyarrow only.
"""

from schemas.acquire import (
    SETTLED,
    Allocation,
    ArmChange,
    AuditDraw,
    Hit,
    Label,
    Media,
    Post,
    Request,
    RoundEnd,
    RoundPlan,
    TagClaim,
)
from schemas.decide import STAGES, Candidate, Duplicate, OptedOut, Reupload, Score, Selection, Verdict
from schemas.evaluate import ClassScore, Confused, VideoScore, ViewScore
from schemas.experiment import ExperimentRun
from schemas.fates import ClassFate, Judgement, LastVerdict, TagYield
from schemas.features import VideoFeature, feature_schema
from schemas.measure import Clip, Failure, Fingerprint, FrameEmbedding, Probe, PromptEmbedding, Sighting
from schemas.publish import Lineage, Member
from schemas.table import arrow_schema, from_arrow, to_arrow

__all__ = [
    "SETTLED",
    "STAGES",
    "Allocation",
    "ArmChange",
    "AuditDraw",
    "Candidate",
    "ClassFate",
    "ClassScore",
    "Clip",
    "Confused",
    "Duplicate",
    "ExperimentRun",
    "Failure",
    "Fingerprint",
    "FrameEmbedding",
    "Hit",
    "Judgement",
    "Label",
    "LastVerdict",
    "Lineage",
    "Media",
    "Member",
    "OptedOut",
    "Post",
    "Probe",
    "PromptEmbedding",
    "Request",
    "Reupload",
    "RoundEnd",
    "RoundPlan",
    "Score",
    "Selection",
    "Sighting",
    "TagClaim",
    "TagYield",
    "Verdict",
    "VideoFeature",
    "VideoScore",
    "ViewScore",
    "arrow_schema",
    "feature_schema",
    "from_arrow",
    "to_arrow",
]
