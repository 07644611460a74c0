"""Parse JSON in request bodies, no larger and no deeper than it may be."""

import io
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser


class TooLarge(APIException):
    """Answer 413: the body is larger than `limit` bytes."""

    status_code = 413
    default_code = "too_large"

    def __init__(self, limit: int):
        super().__init__(f"O corpo do pedido passa de {limit} bytes.")


class BoundedJSONParser(JSONParser):
    """Parse what people's browsers send."""

    limit = 65_536  # bytes

    def parse(self, stream, media_type=None, parser_context=None) -> Any:
        """Return the JSON of `stream`. Raises TooLarge, ParseError."""
        body = stream.read(self.limit + 1)
        if len(body) > self.limit:
            raise TooLarge(self.limit)
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except (ParseError, RecursionError, UnicodeDecodeError) as error:
            raise ParseError(_("O corpo do pedido não é JSON.")) from error


class BulkJSONParser(BoundedJSONParser):
    """Parse what other systems send, up to 1,000 notifications in one body."""

    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
