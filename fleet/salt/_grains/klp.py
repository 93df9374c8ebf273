# SPDX-License-Identifier: GPL-2.0-only
"""The state of kernel live patching as the grain ``klp``, by klpctl.

``salt -G 'klp:fixes:CVE-2024-26602' test.ping`` finds the machines on which that is fixed.
"""

import json
import subprocess

# The key of the minion's configuration that names the program.
KLPCTL = "klp.klpctl"


def klp():
    """What ``klpctl facts`` prints; nothing on machines without klpctl."""
    program = __opts__.get(KLPCTL, "/usr/sbin/klpctl")  # noqa: F821
    try:
        answer = subprocess.run(
            [program, "facts", "--format", "salt"], capture_output=True, check=True, timeout=60
        )
        return json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
