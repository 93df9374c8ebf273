# SPDX-License-Identifier: GPL-2.0-only
"""The state of kernel live patching as the grain ``klp``, from klpctl.

``salt -G 'klp:fixes:CVE-2024-26602' test.ping`` finds the machines on which that CVE is fixed.
"""

import json
import subprocess

# The key of the program in the minion's configuration.
KLPCTL = "klp.klpctl"


def klp():
    """Returns the output of ``klpctl facts``; nothing on machines without klpctl."""
    program = __opts__.get(KLPCTL, "/usr/sbin/klpctl")  # noqa: F821
    try:
        answer = subprocess.run(
            [program, "facts", "--format", "salt"], capture_output=True, check=True, timeout=60
        )
        return json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
