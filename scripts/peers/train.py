#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains in PyTorch the network that `vitscope train` trained, by the same recipe on the same images.

RUN is the folder of a finished `vitscope train` on Fashion-MNIST: model, configuration and settings are read from it.
The network is timm's (EfficientViT, DeiT); the augmentation is the recipe's (crops with margins, mirroring), drawn by torch, so runs
agree within the noise between seeds, not digit by digit. Prints a row per epoch as CSV (and writes it to --out). Needs
scripts/peers/setup. Examples:

  build/peers/bin/python scripts/peers/train.py runs/train-deit --seed 1 --threads 2
  build/peers/bin/python scripts/peers/train.py runs/train-m0 --seed 2 --out runs/m0-torch.csv
"""
import argparse
import csv
import gzip
import json
import math
import os
import struct
import sys
import time

import numpy
import torch
from timm.models import efficientvit_msra
from timm.models.vision_transformer import VisionTransformer

# Margins as a share of the side, probability to mirror.
AUGMENT = {"none": (0, 0), "none,flip=0.5": (0, 0.5), "crop-flip": (1 / 8, 0.5)}
FASHION = "/usr/share/datasets/fashion-mnist"


def metadata_of(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return json.loads(file.read(length)).get("__metadata__", {})


def numbers(text, n=1):
    """One value stands for all n stages."""
    values = [int(float(x)) for x in text.split(",")]
    return values * n if len(values) == 1 else values


def settings_of(run):
    """Of run.json, as numbers; what this script does not do is refused rather than left out."""
    s = dict(run["settings"])
    lr, _, of = s["lr"].partition("/")
    s["batch"], s["epochs"] = int(s["batch"]) * int(s["accumulate"]), int(s["epochs"])
    s["lr"] = float(lr) * s["batch"] / float(of or s["batch"])
    for key in ("min-lr", "warmup-lr", "warmup-epochs", "weight-decay", "smoothing"):
        s[key] = float(s[key])
    other = [f"{key}={s[key]}" for key in ("mixup", "cutmix", "cooldown-epochs", "ema") if float(s[key])]
    other += [f"{key}={s[key]}" for key, good in (("optimizer", "adamw"), ("schedule", "cosine"), ("distill-from", ""),
                                                  ("repeats", "1"), ("weights", "")) if s[key] != good]
    if s["augment"] not in AUGMENT or not s["data"].startswith("fashion-mnist"):
        other.append(f"augment={s['augment']} data={s['data']}")
    if other:
        sys.exit(f"train: this run has settings that are not done here: {' '.join(other)}")
    return s


class PatchEmbedding(torch.nn.Sequential):
    """timm's, with as many convolutions of stride 2 as the patch has halvings."""

    def __init__(self, in_chans, dim, device=None, dtype=None, *, patch):
        super().__init__()
        convolutions = patch.bit_length() - 1
        for i in range(1, convolutions + 1):
            width = dim >> (convolutions - i)
            self.add_module(f"conv{i}", efficientvit_msra.ConvNorm(in_chans, width, 3, 2, 1))
            if i < convolutions:
                self.add_module(f"relu{i}", torch.nn.ReLU())
            in_chans = width
        self.patch_size = patch


def weights_of(run):
    for name in ("final.safetensors", "last.safetensors"):
        if os.path.exists(os.path.join(run, name)):
            return os.path.join(run, name)
    sys.exit(f"train: {run}: neither final.safetensors nor last.safetensors: not a folder of vitscope train")


def build(model, config, img, classes):
    settings = dict(item.split("=", 1) for item in config.split())
    stages, patch = int(settings.get("stages", "1")), int(settings["patch"])
    width, depth, heads = (numbers(settings[key], stages) for key in ("embed_dim", "depth", "heads"))
    if model.startswith("efficientvit"):
        efficientvit_msra.PatchEmbedding = lambda in_chans, dim, **dd: PatchEmbedding(in_chans, dim, patch=patch)
        return efficientvit_msra.EfficientVitMsra(
            img_size=img, num_classes=classes, embed_dim=width, key_dim=numbers(settings["qk_dim"], stages),
            depth=depth, num_heads=heads, window_size=numbers(settings["window"], stages),
            kernels=numbers(settings["kernels"], 4),
            down_ops=[("", 1)] + [("subsample", 2)] * (stages - 1))
    if model.startswith("deit"):
        return VisionTransformer(img_size=img, patch_size=patch, num_classes=classes, embed_dim=width[0],
                                 depth=depth[0], num_heads=heads[0], mlp_ratio=float(settings["ffn_ratio"]))
    sys.exit(f"train: {model}: only efficientvit and deit are built here")


def read_idx(name):
    path = os.path.join(FASHION, name)
    opener = gzip.open if os.path.exists(path + ".gz") else open
    with opener(path + ".gz" if opener is gzip.open else path, "rb") as file:
        dims = file.read(4)[3]
        shape = struct.unpack(f">{dims}I", file.read(4 * dims))
        return numpy.frombuffer(file.read(), numpy.uint8).reshape(shape)


def images(part, img):
    pixels = torch.from_numpy(read_idx(f"{part}-images-idx3-ubyte").copy()).unsqueeze(1).float()
    labels = torch.from_numpy(read_idx(f"{part}-labels-idx1-ubyte").copy()).long()
    if img != pixels.shape[-1]:
        pixels = torch.nn.functional.interpolate(pixels, size=(img, img), mode="bicubic", antialias=True).clamp(0, 255).round()
    return pixels / 255, labels


def augment(x, share, flip):
    """A window of the image with black margins, mirrored sometimes."""
    n, _, side, _ = x.shape
    margin = int(side * share)
    padded = torch.nn.functional.pad(x, [margin] * 4)
    top, left = (torch.randint(0, 2 * margin + 1, (n,)) for _ in range(2))
    rows = (top[:, None] + torch.arange(side))[:, None, :, None]
    columns = left[:, None] + torch.arange(side)
    columns = torch.where(torch.rand(n, 1) < flip, columns.flip(1), columns)[:, None, None, :]
    return padded[torch.arange(n)[:, None, None, None], torch.arange(1)[None, :, None, None], rows, columns]


def learning_rate(step, steps, steps_per_epoch, s):
    peak, lowest, start = s["lr"], s["min-lr"], s["warmup-lr"]
    warmup = s["warmup-epochs"] * steps_per_epoch
    if step < warmup:
        return start + (peak - start) * step / warmup
    return lowest + 0.5 * (peak - lowest) * (1 + math.cos(math.pi * step / steps))


def test(net, x, y, normalise):
    net.eval()
    right = 0
    with torch.no_grad():
        for i in range(0, len(x), 500):
            right += int((net(normalise(x[i:i + 500])).argmax(1) == y[i:i + 500]).sum())
    return 100 * right / len(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a finished vitscope train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="other than the run's")
    parser.add_argument("--out", metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    header = metadata_of(weights_of(options.run))
    with open(os.path.join(options.run, "run.json")) as file:
        s = settings_of(json.load(file))
    if options.epochs:
        s["epochs"] = options.epochs
    model = header["vitscope.model"]
    config = dict(item.split("=", 1) for item in header["vitscope.config"].split())
    img, classes = int(float(config["img"])), int(float(config["classes"]))
    net = build(model, header["vitscope.config"], img, classes)
    (x, y), (test_x, test_y) = images("train", img), images("t10k", img)
    mean, deviation = x.mean(), x.std()

    def normalise(batch):
        return ((batch - mean) / deviation).expand(-1, 3, -1, -1)

    kept = {id(p) for name, p in net.named_parameters()
            if p.ndim < 2 or name.endswith(("attention_biases", "pos_embed", "cls_token"))}
    groups = [{"params": [p for p in net.parameters() if (id(p) in kept) == bare], "weight_decay": decay}
              for bare, decay in ((True, 0.0), (False, s["weight-decay"]))]
    optimizer = torch.optim.AdamW(groups, lr=s["lr"])
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=s["smoothing"])
    per_epoch = len(x) // s["batch"]
    steps, step, rows = per_epoch * s["epochs"], 0, []
    print("epoch,train_loss,top1_pct,seconds")
    start = time.time()
    for epoch in range(s["epochs"]):
        net.train()
        order, total = torch.randperm(len(x)), 0.0
        for i in range(per_epoch):
            pick = order[i * s["batch"]:(i + 1) * s["batch"]]
            batch = augment(x[pick], *AUGMENT[s["augment"]])
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, per_epoch, s)
            loss = loss_of(net(normalise(batch)), y[pick])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if s["clip"].startswith("norm:"):
                torch.nn.utils.clip_grad_norm_(net.parameters(), float(s["clip"][5:]))
            optimizer.step()
            total += float(loss.detach())
            step += 1
        rows.append([epoch, round(total / per_epoch, 5), test(net, test_x, test_y, normalise), round(time.time() - start, 1)])
        print(*rows[-1], sep=",", flush=True)
    if options.out:
        with open(options.out + ".part", "w", newline="") as file:
            csv.writer(file).writerows([["epoch", "train_loss", "top1_pct", "seconds"]] + rows)
        os.replace(options.out + ".part", options.out)


if __name__ == "__main__":
    main()
