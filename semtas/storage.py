"""Static files in production: named after their content, so that a browser may keep them for good."""

from django.contrib.staticfiles.storage import StaticFilesStorage
from servestatic.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Also what a JavaScript module imports is named by its hash: a page never mixes modules of two releases.

    Modules must not import each other in a circle, not even for a type in a comment: whose hash would come first?
    Before the first `collectstatic` files have their plain names, and are kept for a minute.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 20  # one for each step of the longest chain of imports, in an order that is unlucky

    def url(self, name: str, force: bool = False) -> str:
        return super().url(name, force) if self.hashed_files else StaticFilesStorage.url(self, name)
