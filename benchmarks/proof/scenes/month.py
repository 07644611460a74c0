"""The cost of a simulated month, by the product's own meters and prices."""

import json
import os
import subprocess
import sys

from benchmarks.proof.charts import chart, number_of
from benchmarks.proof.judging import Section, held_against, informs
from benchmarks.proof.town import Town
from notificacao.plan_goals import COST

A_DAY = 20  # notifications a person, as docs/custo.md has it
LISTENERS = 20  # of a shared one
_SHARED = 0.3
_APART = 0.01  # of the bill, which the test's own arithmetic makes of the same usage


def run(town: Town) -> tuple[Section, dict]:
    """Let November 2026 pass in a database of its own."""
    environment = {**town.spare_database(), "MONTHLY_COSTS_USD": "servidores=60"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.proof.scenes.month"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the month did not pass:\n{done.stderr[-2_000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if abs(found["spent"] - found["bill"]) > _APART * found["bill"]:
        raise RuntimeError(f"the product adds up US$ {found['spent']}, and the bill is US$ {found['bill']}")
    told = (
        f"mês simulado: 500 pessoas no Ably, {number_of(found['messages'])} mensagens por dia útil "
        f"({A_DAY} notificações por pessoa, 30% compartilhadas por {LISTENERS}); Ably US$ 29 e uso pela tabela de "
        f"preços, servidores US$ {number_of(found['servers'])} (suposição de docs/custo.md: troque pela sua fatura)"
    )
    ten = f"previsão do dia 10: US$ {number_of(found['foretold'])}; o produto somou US$ {number_of(found['spent'])}"
    spent = chart("Gasto acumulado", "dia do mês", "US$", {"gasto": list(enumerate(found["days"], 1))}, COST.goal)
    section = Section(
        "Custo do mês simulado",
        "Nenhuma fatura real foi vista: o uso é simulado, os preços são os publicados. A conta de cada cidade muda com "
        "os seus servidores.",
        [
            held_against(COST, found["bill"], samples=1, how=told, spread=ten),
            informs("Custo por pessoa", "US$", found["bill"] / 500, samples=1, how="o custo do mês por 500 pessoas"),
        ],
        [spent] if spent else [],
    )
    return section, found


def main() -> None:
    """Print the bill as JSON."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "semtas.settings"
    import django

    django.setup()
    from django.db import transaction

    from notificacao import cost
    from tests.cost.simulated_month import DAYS, PEOPLE, SERVERS, SimulatedMonth, at, is_working_day

    notifications = PEOPLE * A_DAY
    messages = round(notifications * (2 * (1 - _SHARED) + _SHARED * (1 + LISTENERS)))
    month = SimulatedMonth(messages, lambda number: 100)
    days, foretold = [], 0.0
    for day in range(1, DAYS + 1):
        with transaction.atomic():
            month.lives(day, day)
        days.append(float(month.bill))
        if day == 10:
            foretold = float(cost.month(at(day, 23)).forecast.expected)
    spent = float(cost.month(at(DAYS, 23)).spent)
    print(
        json.dumps(
            {"bill": float(month.bill), "spent": spent, "foretold": foretold, "days": days}
            | {"messages": messages, "servers": float(SERVERS)}
            | {"working_days": sum(map(is_working_day, range(1, DAYS + 1)))}
        )
    )


if __name__ == "__main__":
    main()
