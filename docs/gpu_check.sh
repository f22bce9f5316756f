#!/usr/bin/env bash
# docs/gpu_check.sh: what a GPU does, in at most ten minutes and without a network; prints Markdown for docs/scaling.md.
#
# TensorFlow is used where it sees a GPU, else JAX. It trains both models, compares the losses of the first steps with
# the CPU's, and measures steps per second beside PyTorch if that is installed.
# PYTHON names the interpreter; GPU_CHECK_ON_CPU=1 goes through it all without a GPU, to test this script.
set -euo pipefail
cd "$(dirname "$0")/.."
began=$SECONDS
python=${PYTHON:-python}
folder=$(mktemp -d)
gan=(--epochs 2)
trap 'rm -rf "$folder"' EXIT
export TF_CPP_MIN_LOG_LEVEL=3 TF_FORCE_GPU_ALLOW_GROWTH=true XLA_PYTHON_CLIENT_PREALLOCATE=false

tensorflow="import tensorflow as tf; print(tf.config.list_physical_devices('GPU')[0].name)"
jax="import jax; print(next(device.device_kind for device in jax.devices() if device.platform != 'cpu'))"
if card=$("$python" -c "$tensorflow" 2>/dev/null); then
  export KERAS_BACKEND=tensorflow
elif card=$("$python" -c "$jax" 2>/dev/null); then
  export KERAS_BACKEND=jax
elif [ "${GPU_CHECK_ON_CPU:-}" = 1 ]; then
  export KERAS_BACKEND=tensorflow card="none, this is the CPU"
  gan=(--epochs 1 --set generator.filters=8 --set generator.base_filters=8 --set discriminator.filters=8)
else
  echo 'error: neither TensorFlow nor JAX sees a GPU; pip install "tensorflow[and-cuda]", or "jax[cuda12]"' >&2
  exit 2
fi
printf '# GPU check\n\n%s on %s (%s)\n' "$KERAS_BACKEND" "$card" "$(date +%F)"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || true

printf '\n## Training\n\n'
for kind in vae dcgan; do
  start=$SECONDS
  options=(--epochs 2)
  if [ "$kind" = dcgan ]; then options=("${gan[@]}"); fi
  "$python" "train_$kind.py" "${options[@]}" --out "$folder/$kind" >"$folder/log" 2>&1 || { tail -3 "$folder/log" >&2; exit 1; }
  grep -E '^(Device|Done)' "$folder/log" | sed "s/^/- train_$kind.py: /"
  echo "- train_$kind.py: $((SECONDS - start)) s in all"
done

printf '\n## First losses, at the highest precision of matrix products\n\n'
CUDA_VISIBLE_DEVICES='' JAX_PLATFORMS=cpu "$python" -m keras_gen.benchmarks.first_losses >"$folder/cpu.json" 2>"$folder/log" ||
  { tail -3 "$folder/log" >&2; exit 1; }
status=0  # no TF32: in NVIDIA's libraries, and in JAX
NVIDIA_TF32_OVERRIDE=0 JAX_DEFAULT_MATMUL_PRECISION=highest \
  "$python" -m keras_gen.benchmarks.first_losses "$folder/cpu.json" 2>"$folder/log" || status=$?
[ "$status" = 0 ] && echo 'All equal to 1e-4.' || { echo 'NOT equal to 1e-4.'; tail -3 "$folder/log" >&2; }

printf '\n## Speed\n\n'
measure() {  # what is left of ten minutes; tables come as they are measured
  timeout $((590 + began - SECONDS)) "$python" -m keras_gen benchmark --rounds 3 "$@" 2>/dev/null || echo '(cut off)'
}
if [ "${GPU_CHECK_ON_CPU:-}" = 1 ]; then
  measure --only vae --precision float32 --rounds 1
else
  measure --only dcgan,vae --precision float32,mixed_bfloat16 --batch-size 128
fi
exit "$status"
