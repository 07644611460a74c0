"""What the inbox asks for, by the browser's own log of requests."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.mark.parametrize(("username", "transport", "sdks"), [("ana", "ably", 1), ("caio", "sse", 0)])
def test_the_sdk_is_loaded_for_people_in_the_rollout_alone_and_all_else_from_here(
    desk, site, username, transport, sdks
):
    one = desk(username)
    one.is_on(transport)
    asked = []
    one.page.on("request", lambda request: asked.append(request.url))
    one.page.reload()
    one.is_on(transport)
    assert sum(url.endswith("/ably.min.js") for url in asked) == sdks
    assert any(url.endswith("/client.js") for url in asked)
    assert [url for url in asked if not url.startswith(site.url)] == []
