# SPDX-License-Identifier: GPL-2.0-only
#
# Installs the kernel live patches in the pillar:
#
#     klp:
#       package: klpctl                  # the package of klpctl; omitted if it is installed by other means
#       packages: [livepatch-fix-foo-..] # packages of patches
#       patches: [salt://fixes/fix-foo.ko]
#       absent: [fix_old]
#       replace: false
#       timeout: 60s
#
# A patch that stalls or is refused is uninstalled, and fails the state; `salt -b 10% --batch-wait 300 ..` makes waves.

{% set klp = salt['pillar.get']('klp', {}) %}
{% set folder = klp.get('work_dir', '/var/lib/klp-rollout') %}

{% if klp.get('package') %}
klp-package:
  pkg.installed:
    - name: {{ klp.package }}
    - order: first
{% endif %}

{% if klp.get('packages') %}
klp-packages:
  pkg.installed:
    - pkgs: {{ klp.packages | json }}
    - require_in:
      - klp: klp-healthy
{% endif %}

{% for source in klp.get('patches', []) %}
{% set file = folder ~ '/' ~ source.split('/') | last %}
{{ file }}:
  file.managed:
    - source: {{ source | json }}
    - makedirs: true
    - dir_mode: '0700'
    - mode: '0600'
  klp.installed:
    - replace: {{ klp.get('replace', false) | json }}
    - timeout: {{ klp.get('timeout', '60s') | json }}
    - require:
      - file: {{ file }}
    - require_in:
      - klp: klp-healthy
{% endfor %}

{% for name in klp.get('absent', []) %}
klp-absent-{{ name }}:
  klp.absent:
    - name: {{ name | json }}
    - require_in:
      - klp: klp-healthy
{% endfor %}

klp-healthy:
  klp.healthy: []
