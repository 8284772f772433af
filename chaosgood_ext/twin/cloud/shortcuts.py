"""Shortcuts through moto: what it looks up anew for every call, or loads once more for every service, kept."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import moto.backends
import moto.core.responses
import moto.core.utils
from moto.core.loaders import create_loader

from chaosgood_ext.twin.cloud.mends.patching import replace

if TYPE_CHECKING:
    from moto.core.loaders import Loader


@cache
def loader() -> Loader:
    """The one loader of botocore's models: a model that two of them load takes time and memory twice."""
    return create_loader()


@cache
def install() -> None:
    """Patch moto, once for the whole process."""
    replace(moto.core.utils, "create_loader", loader)
    # A look into moto's folder for every call.
    modules = list(moto.backends.list_of_moto_modules())
    replace(moto.backends, "list_of_moto_modules", lambda: iter(modules))
    # `inspect.getmembers` of the service's class for every call.
    replace(moto.core.responses, "method_names_from_class", cache(moto.core.utils.method_names_from_class))
