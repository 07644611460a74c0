"""Ask this week's question in the inbox, and keep its answer from a plain form; the script sends the same form."""

from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from notificacao.models import Person
from notificacao.pages.acts import back, logged_in
from notificacao.rollout import survey

NO_ANSWER = "nenhuma"


def shown_to(person: Person) -> dict[str, Any]:
    """Return what the template needs: `asked`, what was `said` this week (0: nothing), and `marks` with their names."""
    standing = survey.standing_of(person)
    return {"asked": standing.asked, "said": standing.answer or 0, "marks": _marks(), "no_answer": NO_ANSWER}


@require_POST
@logged_in
def answer(request: HttpRequest) -> HttpResponse:
    """Keep the form's `answer`: a mark, or the wish to give none. Raises BadRequest for anything else.

    The script sends `part` too, and gets what the page shows from now on.
    """
    said = request.POST.get("answer", "")
    if said == NO_ANSWER:
        survey.dismiss(request.user)
    elif said in _marks():
        survey.answer(request.user, int(said))
    else:
        raise BadRequest("answer: 1 to 5")
    if "part" not in request.POST:
        return back(request)
    context = {"question": shown_to(request.user), "here": request.POST.get("next", "")}
    return render(request, "notificacao/_question.html", context)


def _marks() -> dict[str, str]:
    return {
        "1": gettext("nunca"),
        "2": gettext("raramente"),
        "3": gettext("às vezes"),
        "4": gettext("quase sempre"),
        "5": gettext("sempre"),
    }
