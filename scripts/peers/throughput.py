#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Images per second of timm's models in PyTorch on the CPU; one line of JSON per measurement.

The model is prepared as for speed: batch norm folded into convolutions and linear layers, traced by torch.jit, frozen
where asked; run under torch.inference_mode. Examples:

  scripts/peers/throughput.py efficientvit_m4 --batch 16 --threads 2
  scripts/peers/throughput.py all --batch 1 16 --variant frozen --protocol paper
"""
import argparse
import json
import os
import statistics
import sys
import time
import warnings

MODELS = [f"efficientvit_m{i}" for i in range(6)] + ["deit_tiny", "deit_small", "deit_base", "swin_tiny", "swin_small"]
SUFFIX = {"efficientvit": "", "deit": "_patch16_224", "swin": "_patch4_window7_224"}
PROTOCOLS = {"paper": (10.0, 60.0), "quick": (0.5, 2.0)}  # seconds of warm-up and of measuring, as in vitscope


def fold(torch, module):
    """Every pair conv/bn and bn/linear under `module` becomes one layer."""
    for name, child in module.named_children():
        if hasattr(child, "fuse"):
            setattr(module, name, child.fuse())
        else:
            fold(torch, child)


def prepare(torch, name, batch, variant, img):
    import timm
    options = {"img_size": img} if img else {}
    warnings.filterwarnings("ignore")  # of tracing: sizes are constants here
    model = timm.create_model(name + SUFFIX[name.split("_")[0]], pretrained=False, **options).eval()
    x = torch.randn(batch, 3, img or 224, img or 224)
    if variant == "eager":
        return model, x
    with torch.no_grad():
        # timm starts some batch norms at zero, where folding could not be checked.
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.weight.uniform_(0.5, 1.5)
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.8, 1.2)
        want = model(x)
        fold(torch, model)
        worst = ((model(x) - want).abs().max() / want.abs().max()).item()
    if worst > 1e-3:
        sys.exit(f"throughput.py: {name}: folding changed the logits by {worst:.1e} of the largest")
    with torch.inference_mode():
        traced = torch.jit.trace(model, x, check_trace=False)
        return (torch.jit.freeze(traced) if variant == "frozen" else traced), x


def measure(torch, model, x, warmup, least):
    with torch.inference_mode():
        end = time.perf_counter() + warmup
        runs = 0
        while runs < 3 or time.perf_counter() < end:  # the tracing executor optimises in its first runs
            model(x)
            runs += 1
        times = []
        begin = time.perf_counter()
        while len(times) < 3 or time.perf_counter() - begin < least:
            start = time.perf_counter()
            model(x)
            times.append(time.perf_counter() - start)
        return times, time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="model names of vitscope, or all")
    parser.add_argument("--batch", type=int, nargs="+", default=[16])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--img", type=int, default=0)
    parser.add_argument("--variant", choices=("traced", "frozen", "eager"), default="traced")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="quick")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    try:
        import torch
    except ImportError:
        sys.exit("missing: torch; scripts/peers/setup installs it into build/peers")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    warmup, least = PROTOCOLS[options.protocol]
    for name in MODELS if options.models == ["all"] else options.models:
        if name.split("_")[0] not in SUFFIX:
            sys.exit(f"throughput.py: {name}: no such model; known: {', '.join(MODELS)}")
        for batch in options.batch:
            model, x = prepare(torch, name, batch, options.variant, options.img)
            times, wall = measure(torch, model, x, warmup, least)
            print(json.dumps({"engine": f"torch {torch.__version__} {options.variant}", "model": name, "batch": batch,
                              "img": x.shape[-1], "threads": options.threads, "runs": len(times),
                              "images_per_s": batch * len(times) / wall,
                              "median_images_per_s": batch / statistics.median(times)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
