# shellcheck shell=bash
# Sourced: whatever the user has configured is not what is shown, tested or compared. The folder of weights is shared.
for variable in $(compgen -e HEARKEN_ || true); do
  [ "$variable" = HEARKEN_DATA_DIR ] || unset "$variable"
done
export HEARKEN_CONFIG=/dev/null
