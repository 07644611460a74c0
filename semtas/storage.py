"""Name static files after their content in production, so that a browser may keep them for good."""

from django.contrib.staticfiles.storage import StaticFilesStorage
from servestatic.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Name each file by its hash, in the imports of JavaScript modules too: a page never mixes modules of two releases.

    Modules must not import each other in a circle, not even for a type in a comment, since the hash of each would have
    to be known before the other's. Before the first `collectstatic` files have their plain names, and are kept for a
    minute.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 20  # at worst one for each step of the longest chain of imports

    def url(self, name: str, force: bool = False) -> str:
        """Return the address of the static file `name`: hashed after `collectstatic`, plain before the first."""
        return super().url(name, force) if self.hashed_files else StaticFilesStorage.url(self, name)
