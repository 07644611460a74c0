"""How many of a million random identifiers of each common shape are taken for personal data."""

import argparse
import random
import string
import time

from notificacao.personal_data import found_in

_HEX, _BASE62 = "0123456789abcdef", string.digits + string.ascii_letters
_SHAPES = {  # the alphabet, the lengths, and what stands before
    "uuid.hex, MD5": (_HEX, (32,), ""),
    "the same, upper case": (_HEX.upper(), (32,), ""),
    "id_ and uuid.hex": (_HEX, (32,), "id_"),
    "SHA-1": (_HEX, (40,), ""),
    "SHA-256": (_HEX, (64,), ""),
    "short hash": (_HEX, range(7, 13), ""),
    "base 62": (_BASE62, (22,), ""),
    "ULID": ("0123456789ABCDEFGHJKMNPQRSTVWXYZ", (26,), ""),
    "base 64 of addresses": (_BASE62 + "-_", (43,), ""),
    "11 digits": (string.digits, (11,), ""),
    "12 digits": (string.digits, (12,), ""),
    "13 digits": (string.digits, (13,), ""),
    "20 digits": (string.digits, (20,), ""),
}


def main() -> None:
    """Draw the identifiers, and print how many of each shape are found to be what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=16)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    for shape, (alphabet, lengths, before) in _SHAPES.items():
        begin, found = time.perf_counter(), {"CPF": 0, "telefone": 0, "e-mail": 0, "": 0}
        for _ in range(asked.many):
            one = "".join(draw.choices(alphabet, k=draw.choice(lengths)))
            if alphabet == string.digits or not one.isdecimal():
                found[found_in(before + one)] += 1
        taken = ", ".join(f"{what} {number}" for what, number in found.items() if what)
        print(f"{shape}: {taken} of {sum(found.values())}, {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
