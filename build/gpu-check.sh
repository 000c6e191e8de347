#!/usr/bin/env bash
# What an NVIDIA card gives: every test that runs on one, and tables of times, as one Markdown file.
#
#   build/gpu-check.sh [--libtorch DIR] [--out FILE] [--cpu]
#
# DIR is the folder torch/lib of an installed PyTorch; by default that of python3's torch. Where dotnet is installed, tests and
# benchmarks are published first, self-contained and without libtorch, to artifacts/gpu-check; that folder, copied to a machine
# without dotnet, holds this script and runs there. --cpu goes the same way on the processor, with small numbers: for a machine
# without a card.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libtorch="" out="gpu-check.md" device="cuda"

fail() {
    echo "gpu-check: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        --libtorch) [ $# -gt 1 ] || fail "--libtorch: expected a folder"; libtorch=$2; shift 2 ;;
        --out) [ $# -gt 1 ] || fail "--out: expected a file"; out=$2; shift 2 ;;
        --cpu) device="cpu"; shift ;;
        *) fail "expected --libtorch DIR, --out FILE or --cpu, got '$1'" ;;
    esac
done

if [ -z "$libtorch" ]; then
    libtorch=$(python3 -c 'import os, torch; print(os.path.join(torch.__path__[0], "lib"))' 2>/dev/null) \
        || fail "python3 has no torch; name the folder torch/lib of an installed PyTorch by --libtorch"
fi
[ -f "$libtorch/libtorch_cpu.so" ] || fail "--libtorch: expected a folder with libtorch_cpu.so, got '$libtorch'"
if [ "$device" = cuda ] && [ ! -f "$libtorch/libtorch_cuda.so" ]; then
    fail "'$libtorch' is of a PyTorch without CUDA; --cpu runs the same on the processor"
fi
: > "$out" || fail "--out: '$out' cannot be written to"

if [ -x "$here/tests/TorchAttention.Tests" ]; then
    published=$here
else
    command -v dotnet > /dev/null || fail "dotnet is not installed; publish on a machine that has it, and copy artifacts/gpu-check here"
    published=$(dirname "$here")/artifacts/gpu-check
    for project in Tests Benchmarks; do
        dotnet publish "$(dirname "$here")/tests/TorchAttention.$project" -c Release -r linux-x64 --self-contained \
            -p:TorchBackend=none -o "$published/${project,,}" -v quiet
    done
    cp "${BASH_SOURCE[0]}" "$published/gpu-check.sh"
fi

# Names that TorchSharp's native part asks for and no library of this PyTorch has.
symbols() {
    local native=$published/benchmarks/libLibTorchSharp.so
    if ! command -v nm > /dev/null; then
        echo "(no nm: not looked at)"
        return
    fi
    local missing
    missing=$(comm -23 \
        <(nm -D --undefined-only "$native" | awk '$1 == "U" && $2 ~ /torch|c10|2at/ {print $2}' | sort -u) \
        <(nm -D --defined-only "$libtorch"/libtorch*.so "$libtorch"/libc10*.so | awk 'NF >= 3 {print $NF}' | sort -u))
    echo "${missing:-none}"
}

export TORCHATTENTION_LIBTORCH=$libtorch
{
    echo "# Check on $device"
    echo
    date -u '+%Y-%m-%d %H:%M UTC'
    echo
    if [ "$device" = cuda ]; then
        nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || true
    else
        grep -m 1 'model name' /proc/cpuinfo | sed 's/.*: //'
    fi
    echo
    echo "PyTorch's libtorch: $libtorch"
    echo
    echo "## Names that TorchSharp's native part asks for and this libtorch does not have"
    echo
    echo '```'
    symbols
    echo '```'
} > "$out"

# A libtorch that does not fit ends here, with the reason.
if ! "$published/benchmarks/TorchAttention.Benchmarks" --device "$device" --load > "$out.log" 2>&1; then
    cat "$out.log" >&2
    rm -f "$out.log"
    fail "this libtorch, or no device, could be had; what is known stands in '$out'"
fi

status=0
"$published/tests/TorchAttention.Tests" -class 'TorchAttention.Tests.Pooling.*' -class 'TorchAttention.Tests.Models.*' \
    -class 'TorchAttention.Tests.ComputeDeviceTests' > "$out.log" 2>&1 || status=$?
sed -i 's/\x1b\[[0-9;]*m//g' "$out.log"
{
    echo
    echo "## Tests of tensors and models$([ "$device" = cuda ] && echo ', each on the card too')"
    echo
    grep -aE 'Total: [0-9]+' "$out.log" | tail -n 1 | sed 's/^ */ran: /' || echo "ran: none"
    if grep -aq 'sees no CUDA device' "$out.log"; then
        echo
        echo "Tests on the card were left out: libtorch sees no CUDA device."
    fi
    if [ "$status" -ne 0 ]; then
        echo
        echo '```'
        grep -aE '\[FAIL\]' -A 8 "$out.log" | head -n 200
        echo '```'
    fi
    echo
    echo "## Times"
    echo
} >> "$out"
rm -f "$out.log"

small=()
[ "$device" = cuda ] || small=(--small)
"$published/benchmarks/TorchAttention.Benchmarks" --device "$device" "${small[@]}" >> "$out"
echo "$out"
exit "$status"
