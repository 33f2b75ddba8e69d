"""Options of the command line: those of several commands, declared once, and those that a dataclass owns."""

import dataclasses
import enum
import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import DataclassInstance

LakeOption = Annotated[
    Path | None, typer.Option("--lake", help="Default: $H2A_LAKE, else the nearest folder with a lake.json.")
]
NewLakeOption = Annotated[Path, typer.Option("--lake", help="The lake's folder; made where there is none.")]

RecipeOption = Annotated[str, typer.Option("--recipe", help="A recipe's name or file.")]
OwnRecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="A recipe's name or file; default: that of the lake's last build.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Goes before the recipe, such as decide.validate.min_probability=0.7; may be given again.",
    ),
]
DecisionOption = Annotated[
    str | None, typer.Option("--recipe", help="Whose newest decision; default: the newest of all.")
]

ClassesOption = Annotated[
    Path | None, typer.Option("--classes", help="A class file or folder, in place of the recipe's.")
]
ClassFilesOption = Annotated[
    Path | None, typer.Option("--classes", help="A class file or folder; default: those that ship.")
]
LeaveOutRisksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--leave-out-risks",
        help="Leave out classes with this risk flag, such as minors; may be given again, adds to the recipe's.",
    ),
]
ModelOption = Annotated[str | None, typer.Option("--model", help="Any open_clip model name, or local-dir:FOLDER.")]
PretrainedOption = Annotated[str | None, typer.Option("--pretrained", help="The model's tag, or a file of weights.")]

RoundsOption = Annotated[
    str | None,
    typer.Option(
        "--rounds", help="+N: N rounds more than are done; N: as many in all; default: what the recipe leaves."
    ),
]
WorkersOption = Annotated[int, typer.Option("--workers", help="Processes that compute; 0: one a core.")]
PresetOption = Annotated[str, typer.Option("--preset", help="tiny, vit_s, vit_b, vit_l, vit_h or vit_g.")]


class Sampling(enum.StrEnum):
    """Which frames of a video a view has."""

    DENSE = "dense"
    SPARSE = "sparse"


class EvaluationDtype(enum.StrEnum):
    """Number format of matrix products."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


SamplingOption = Annotated[Sampling | None, typer.Option("--sampling", help="Default: dense, and sparse for ssv2.")]
StrideOption = Annotated[
    int | None, typer.Option("--stride", min=1, help="Frames from one to the next; default: 4, hmdb51 2.")
]
DtypeOption = Annotated[EvaluationDtype, typer.Option("--dtype", help="Of matrix products.")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="cpu or cuda; default: cuda where there is one.")]
DecodersOption = Annotated[int, typer.Option("--workers", min=1, help="Threads that decode.")]
ViewsAtOnceOption = Annotated[
    int | None,
    typer.Option("--views-at-once", min=1, help="Views in a pass through the model; default: all of a video."),
]

OwnPresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="tiny, vit_s, vit_b, vit_l, vit_h or vit_g; default: the recipe's, else tiny."),
]
TrainingRecipeOption = Annotated[
    Path | None, typer.Option("--recipe", help="A YAML file with model, data, masking, optimisation and saving.")
]
TrainingSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any field of a recipe, such as lr=1e-3 or model.depth=6; goes before all."
    ),
]

FactsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="FIELD=NUMBER that weights of no preset do not tell, such as num_heads=6."),
]


class Format(enum.StrEnum):
    """How a command prints rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", help="parquet needs --out or a redirect.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")]


def refuse_parquet_on_terminal(form: Format, out: Path | None) -> None:
    """ValueError where bytes that nobody can read would be printed; asked before the work is done."""
    if form is Format.PARQUET and out is None and sys.stdout.isatty():
        raise ValueError("Parquet is not for a terminal: add --out FILE or redirect")


def write_rows(table: "pa.Table", form: Format, out: Path | None, width: int | None = None) -> None:
    """Write a table of rows to the file, else to standard output; as text it wraps at `width` columns."""
    from h2a_curation.catalog import render
    from h2a_curation.foundation.atomic_files import write_output
    from h2a_curation.foundation.terminal import put

    content = render.as_bytes(table, form.value, width)
    if out is not None:
        write_output(out, content)
    else:
        put(content)


def with_options_of(**owners: "type[DataclassInstance]") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take the fields of dataclasses as options: `@with_options_of(runtime=Runtime)`.

    The options stand where the command's parameter `runtime` stands, and the command is called with an instance. A
    field is an option if its metadata have `help`; `flag` there is the option's spelling where the field's name does
    not give it, such as `--exact-resize/--fast-resize`. So a new option is a new field, and nothing in the command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
            own = list(_parameters(owners[name])) if name in owners else [parameter]
            # Typer passes all by name; as keywords, required parameters may follow those with a default.
            parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]

        @functools.wraps(command)
        def call(**given: Any) -> None:
            made = {
                name: owner(**{o.name: given.pop(o.name) for o in _options(owner)}) for name, owner in owners.items()
            }
            command(**given, **made)

        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def _options(owner: "type[DataclassInstance]") -> list["dataclasses.Field[Any]"]:
    return [field for field in dataclasses.fields(owner) if "help" in field.metadata]


def _parameters(owner: "type[DataclassInstance]") -> Iterator[inspect.Parameter]:
    hints = typing.get_type_hints(owner)
    for field in _options(owner):
        flags = [field.metadata["flag"]] if "flag" in field.metadata else []
        default = ... if field.default is dataclasses.MISSING else field.default  # typer's word for a required option
        option = typer.Option(default, *flags, help=field.metadata["help"])
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=hints[field.name]
        )
