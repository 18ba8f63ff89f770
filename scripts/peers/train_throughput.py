#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Images per second of training steps of timm's models in PyTorch on the CPU; one line of JSON per measurement.

A step is forward in train mode, cross entropy, backward and AdamW on one batch of random images, as
`vitscope throughput MODEL --train` has it: without loading data, dropout and stochastic depth at 0. The variant eager
is plain PyTorch; compiled is torch.compile, whose compiling is not in the times. Peak memory is that of the process
(VmHWM), PyTorch's libraries with it. Examples:

  scripts/peers/train_throughput.py deit_tiny --batch 32 --threads 2
  scripts/peers/train_throughput.py efficientvit_m0 efficientvit_m4 --batch 32 --variant compiled
"""
import argparse
import json
import os
import statistics
import sys
import time

from throughput import MODELS, PROTOCOLS, SUFFIX


def peak_rss_bytes():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def make_step(torch, name, batch, variant):
    """A function that runs one training step and returns its loss."""
    import timm
    model = timm.create_model(name + SUFFIX[name.split("_")[0]], pretrained=False).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.025)
    images = torch.randn(batch, 3, 224, 224)
    labels = torch.arange(batch) % 1000
    if variant == "compiled":
        model = torch.compile(model)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss
    return step


def measure(step, warmup, least):
    """Times of single steps."""
    end = time.perf_counter() + warmup
    runs = 0
    while runs < 2 or time.perf_counter() < end:
        step()
        runs += 1
    times = []
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < least:
        start = time.perf_counter()
        loss = step()
        times.append(time.perf_counter() - start)
    if not loss.isfinite():
        sys.exit("train_throughput.py: the loss is not finite")
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="model names of vitscope, or all")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", choices=("eager", "compiled"), default="eager")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="quick")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    try:
        import torch
    except ImportError:
        sys.exit("missing: torch; scripts/peers/setup installs it into build/peers")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    for name in MODELS if options.models == ["all"] else options.models:
        if name.split("_")[0] not in SUFFIX:
            sys.exit(f"train_throughput.py: {name}: no such model; known: {', '.join(MODELS)}")
        times = measure(make_step(torch, name, options.batch, options.variant), *PROTOCOLS[options.protocol])
        print(json.dumps({"engine": f"torch {torch.__version__} {options.variant}", "model": name,
                          "batch": options.batch, "img": 224, "threads": options.threads, "runs": len(times),
                          "images_per_s": options.batch / statistics.median(times),
                          "fastest_images_per_s": options.batch / min(times),
                          "peak_rss_bytes": peak_rss_bytes()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
