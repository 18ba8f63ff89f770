#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a fixture (schema vit-fixture/1, kind model or adamw) computed by timm in float64.

The parameters are generated from their names, so that no weight file is needed; tests/fixtures/FIXTURES.md
describes generator and format. Examples:

  scripts/peers/fixture.py deit_small --seed 2
  scripts/peers/fixture.py swin_tiny --img 384 --batch 1 --out build/fixtures
  scripts/peers/fixture.py swin_nano --adamw 10 --batch 4 --seed 3
  scripts/peers/fixture.py efficientvit_m0 --img 256 --check tests/fixtures/efficientvit_m0_256_s1.json
  scripts/peers/fixture.py mobilenetv3_small_100 --img 64 --classes 10 --grad --train

timm is asked for another size by `img_size=` at construction and nothing else: position embeddings, windows and
shifts are what timm then builds (Swin keeps its window of 7, with strict_img_size left true).
"""
import argparse
import json
import math
import os
import sys

import numpy as np
import timm
import torch

NANO = {
    "efficientvit_nano": ("efficientvit_m0", dict(img_size=128, num_classes=10, embed_dim=(16, 32, 48),
                          depth=(1, 2, 1), num_heads=(2, 2, 3), key_dim=(16, 16, 16), kernels=(5, 3, 3))),
    "deit_nano": ("deit_tiny_patch16_224", dict(img_size=64, num_classes=10, embed_dim=48, depth=2, num_heads=3)),
    "swin_nano": ("swin_tiny_patch4_window7_224", dict(img_size=56, num_classes=10, embed_dim=24, depths=(2, 2),
                  num_heads=(2, 4))),
}


# torch's own takes a sixth as a float in its way back, also of doubles: wrong in the eighth digit.
torch.nn.functional.hardsigmoid = lambda x, inplace=False: torch.nn.functional.relu6(x + 3) / 6

MOBILENET = ("mobilenetv2_100", "mobilenetv3_large_100", "mobilenetv3_small_100", "efficientnet_b0")


def timm_model(name, img, classes):
    """(model in eval mode, family, timm's name or None, image size)."""
    family = "mobilenet" if name in MOBILENET else name.split("_")[0]
    if name in NANO:
        base, options = NANO[name]
        published = None
    else:
        suffix = {"efficientvit": "", "mobilenet": "", "deit": "_patch16_224", "swin": "_patch4_window7_224"}[family]
        base, options = name + suffix, {}
        published = base
    options = dict(options)
    if classes:
        options["num_classes"] = classes
    size = img or options.get("img_size", 224)
    if img and family != "mobilenet":  # which takes any size as it is
        options["img_size"] = img
    model = timm.create_model(base, pretrained=False, **options).double().eval()
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    return model, family, published, size


# --- the generator -------------------------------------------------------------------------------------------

def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


GAINS = ((lambda n: n.startswith("head"), 0.8), (lambda n: n.endswith(".m.conv.weight"), 0.2),
         (lambda n: n.endswith("pw2.conv.weight"), 0.25), (lambda n: n.endswith("proj.1.conv.weight"), 0.8),
         (lambda n: ".qkvs." in n, 0.7), (lambda n: ".dws." in n, 1.5), (lambda n: n.endswith("attn.proj.weight"), 0.5),
         (lambda n: n.endswith("mlp.fc2.weight"), 0.5), (lambda n: n.endswith("attn.qkv.weight"), 1.5),
         (lambda n: n.startswith("classifier"), 0.8), (lambda n: n.endswith("conv_pwl.weight"), 0.7),
         (lambda n: True, 1.4))


def range_of(name, shape):
    """(offset, scale) of a tensor's values."""
    if name == "input":
        return 0.0, 1.0
    for endings, offset, scale in ((("running_mean",), 0.0, 0.1), (("running_var",), 1.0, 0.2),
                                   (("attention_biases", "relative_position_bias_table"), 0.0, 0.5),
                                   (("cls_token", "dist_token", "pos_embed"), 0.0, 0.2), (("bias",), 0.0, 0.1)):
        if name.endswith(endings):
            return offset, scale
    if len(shape) == 1:
        return 1.0, 0.1
    gain = next(value for fits, value in GAINS if fits(name))
    return 0.0, gain * math.sqrt(3.0 / math.prod(shape[1:]))


def generate(name, shape, seed):
    """float32 values of tensor `name`, splitmix64 keyed by the name."""
    golden = 0x9E3779B97F4A7C15
    base = fnv1a(name) ^ ((seed * golden) & 0xFFFFFFFFFFFFFFFF)
    offset, scale = range_of(name, shape)
    with np.errstate(over="ignore"):
        z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(golden) + np.uint64(base)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53
    return torch.from_numpy((offset + scale * (2.0 * u - 1.0)).astype(np.float32)).reshape(shape)


def fill(model, seed):
    """Generated parameters into the model; the fixture's list of weights."""
    listing, state = [], model.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            tensor.zero_()
            continue
        values = generate(name, tuple(tensor.shape), seed)
        tensor.copy_(values.double())
        flat = values.flatten()
        listing.append({"name": name, "shape": list(tensor.shape), "sum": Number(flat.double().sum().item(), 12),
                        "v0": Number(flat[0].item(), 9), "vlast": Number(flat[-1].item(), 9)})
    return listing


# --- numbers and records -------------------------------------------------------------------------------------

class Number(float):
    """A float with the number of significant digits it is printed with."""
    def __new__(cls, value, digits):
        number = super().__new__(cls, value)
        number.digits = digits
        return number


def to_json(value):
    if isinstance(value, Number):
        if not math.isfinite(value):
            raise SystemExit("fixture.py: a value is not finite; the model diverges with this size and seed")
        return "%.*g" % (value.digits, value)
    if isinstance(value, dict):
        return "{" + ", ".join(json.dumps(k) + ": " + to_json(v) for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = [to_json(v) for v in value]
        if value and isinstance(value[0], (dict, list)) and len(value) > 1:
            return "[\n" + ",\n".join(inner) + "]"
        return "[" + ",".join(inner) + "]"
    return json.dumps(value)


def numbers(tensor, digits=12):
    return [Number(v, digits) for v in tensor.tolist()]


def strided(flat, count):
    n = flat.numel()
    return numbers(flat[[(2 * j + 1) * n // (2 * count) for j in range(count)]])


def record(tensor):
    flat = tensor.detach().double().flatten()
    return {"shape": list(tensor.shape), "mean": Number(flat.mean().item(), 12),
            "std": Number(flat.std(correction=0).item(), 12), "l2": Number(flat.norm().item(), 12),
            "first8": numbers(flat[:8]), "strided8": strided(flat, 8)}


def grad_record(tensor):
    flat = tensor.detach().flatten()
    return {"l2": Number(flat.norm().item(), 12), "sum": Number(flat.sum().item(), 12),
            "max_abs": Number(flat.abs().max().item(), 12), "strided8": strided(flat, 8)}


# --- taps, attention maps, counts ----------------------------------------------------------------------------

def tap_names(model, family):
    """[(name in the fixture, module, layout)] in execution order."""
    modules, taps = dict(model.named_modules()), []

    def tap(name, layout, module=None):
        taps.append((name, modules[module or name], layout))

    if family == "efficientvit":
        for name in ("patch_embed.conv1", "patch_embed.conv2", "patch_embed.conv3", "patch_embed"):
            tap(name, "NCHW")
        for s, stage in enumerate(model.stages):
            if s > 0:
                for part in ("res1.0", "res1.1", "patchmerge.conv1", "patchmerge.conv2", "patchmerge.se", "patchmerge",
                             "res2.0", "res2.1"):
                    tap(f"stages.{s}.downsample.{part}", "NCHW")
            for b in range(len(stage.blocks)):
                for part in ("dw0", "ffn0", "mixer.m", "mixer", "dw1", "ffn1"):
                    tap(f"stages.{s}.blocks.{b}.{part}", "NCHW")
        tap("global_pool", "NC")
        tap("head.bn", "NC")
    elif family == "mobilenet":
        tap("bn1", "NCHW")
        for s, stage in enumerate(model.blocks):
            for b in range(len(stage)):
                if f"blocks.{s}.{b}.se.conv_reduce" in modules:
                    tap(f"blocks.{s}.{b}.se", "NCHW")
                tap(f"blocks.{s}.{b}", "NCHW")
        tap("global_pool", "NC")
    elif family == "deit":
        tap("patch_embed", "NTC")
        tap("tokens", "NTC", "norm_pre")
        for b in range(len(model.blocks)):
            ends = b in (0, len(model.blocks) - 1)
            for part in ("norm1", "attn", "norm2", "mlp.fc1", "mlp"):
                if ends or part in ("attn", "mlp"):
                    tap(f"blocks.{b}.{part}", "NTC")
            tap(f"blocks.{b}", "NTC")
        tap("norm", "NTC")
    else:
        tap("patch_embed", "NHWC")
        for s, stage in enumerate(model.layers):
            if s > 0:
                tap(f"layers.{s}.downsample", "NHWC")
            for b in range(len(stage.blocks)):
                if b < 2:
                    tap(f"layers.{s}.blocks.{b}.attn", "WTC")
                    tap(f"layers.{s}.blocks.{b}.mlp", "NTC")
                tap(f"layers.{s}.blocks.{b}", "NHWC")
        tap("norm", "NHWC")
        tap("head.global_pool", "NC")
    return taps


def attention_blocks(model, family):
    """[(block name, attention module, softmax calls per forward)] in execution order."""
    names = {"efficientvit": "mixer.m.attn", "deit": "attn", "swin": "attn"}.get(family)
    blocks = []
    for name, module in model.named_modules():
        if names and name.endswith("." + names) and hasattr(module, "num_heads"):
            blocks.append((name, module, module.num_heads if family == "efficientvit" else 1))
    return blocks


class Softmaxes:
    """Collects the outputs of every Tensor.softmax call inside the `with`."""
    def __enter__(self):
        self.outputs, self.original = [], torch.Tensor.softmax
        original, outputs = self.original, self.outputs

        def softmax(tensor, *args, **kwargs):
            result = original(tensor, *args, **kwargs)
            outputs.append(result.detach())
            return result
        torch.Tensor.softmax = softmax
        return self

    def __exit__(self, *exc):
        torch.Tensor.softmax = self.original


class Watch:
    """Hooks for taps, ReLU inputs and multiply-adds of one forward."""
    def __init__(self, model, family, keep_grad):
        self.taps, self.relu, self.macs, self.handles = [], [], 0, []
        for name, module, layout in tap_names(model, family):
            def on_tap(_m, _i, output, name=name, layout=layout):
                if keep_grad:
                    output.retain_grad()
                self.taps.append((name, layout, output))
            self.handles.append(module.register_forward_hook(on_tap))
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                self.handles.append(module.register_forward_hook(self.on_conv))
            elif isinstance(module, torch.nn.Linear):
                self.handles.append(module.register_forward_hook(self.on_linear))
            elif isinstance(module, torch.nn.ReLU):
                self.handles.append(module.register_forward_pre_hook(
                    lambda _m, args: self.relu.append(args[0].detach().abs().flatten().clone())))

    def on_conv(self, module, _inputs, output):
        self.macs += output.numel() * module.in_channels // module.groups * math.prod(module.kernel_size)

    def on_linear(self, module, _inputs, output):
        self.macs += output.numel() * module.in_features

    def remove(self):
        for handle in self.handles:
            handle.remove()


def head_widths(module, family):
    """(key width, value width) of one head."""
    if family == "efficientvit":
        return module.key_dim, module.val_dim
    width = module.qkv.out_features // 3 // module.num_heads
    return width, width


def attention_maps(model, family, outputs, batch):
    """[(block, module, A)], A [batch][window][head][query][key]."""
    maps, at = [], 0
    for name, module, calls in attention_blocks(model, family):
        parts = outputs[at:at + calls]
        at += calls
        # EfficientViT: one map (batch*windows, N, N) per head, in cascade order; the others (batch*windows, heads, N, N).
        stacked = torch.stack(parts, dim=1) if family == "efficientvit" else parts[0]
        maps.append((name, module, stacked.reshape(batch, -1, *stacked.shape[1:])))
    if at != len(outputs):
        raise SystemExit(f"fixture.py: {len(outputs)} softmax calls where {at} were expected (another timm version?)")
    return maps


def attention_json(name, a, listed):
    first = a[0]  # (windows, heads, N, N)
    windows, heads, tokens = first.shape[:3]
    entry = {"block": name, "windows": windows, "heads": heads, "tokens": tokens, "per_head": []}
    for h in range(heads):
        p = first[:, h].reshape(-1, tokens)
        flat = p.flatten()
        entropy = -torch.xlogy(p, p).sum(dim=1).mean().item()
        entry["per_head"].append({"std": Number(flat.std(correction=0).item(), 12), "l2": Number(flat.norm().item(), 12),
                                  "max": Number(flat.max().item(), 12), "entropy": Number(entropy, 12),
                                  "strided8": strided(flat, 8)})
    if listed and first.numel() <= 4096:
        entry["full"] = numbers(first.flatten(), 6)
    elif listed:
        entry["rows"] = [{"window": w, "head": h, "query": q, "v": numbers(first[w, h, q], 6)}
                         for w in sorted({0, windows - 1}) for h in range(heads)
                         for q in sorted({0, tokens // 2, tokens - 1})]
    return entry


def cosines(rows):
    """rows (items, heads, length) -> mean over items of the heads' cosine similarity (heads, heads)."""
    unit = rows / rows.norm(dim=-1, keepdim=True)
    return (unit @ unit.transpose(-1, -2)).mean(dim=0)


def max_other(cos):
    heads = cos.shape[0]
    if heads == 1:
        return []
    return numbers((cos - 4.0 * torch.eye(heads, dtype=cos.dtype)).max(dim=1).values)


def similarity_json(name, a):
    heads, tokens = a.shape[2], a.shape[3]
    rows = cosines(a.permute(0, 1, 3, 2, 4).reshape(-1, heads, tokens))
    whole = cosines(a.reshape(-1, heads, tokens * tokens))
    cos = rows.clone().fill_diagonal_(1.0)
    return {"block": name, "heads": heads, "max_other": max_other(rows), "max_other_map": max_other(whole),
            "cos": [numbers(row, 9) for row in cos]}


def relu_json(inputs):
    values = torch.cat(inputs)
    result = {"count": values.numel(), "min_abs": Number(values.min().item(), 3)}
    for text in ("1e-4", "1e-5", "1e-6"):
        result["below_" + text] = int((values < float(text)).sum())
    return result


def config_json(model, family, img, classes):
    if family == "mobilenet":
        config = {"bn_eps": model.bn1.eps, "bn_momentum": model.bn1.momentum}
    elif family == "efficientvit":
        attn = [stage.blocks[0].mixer.m for stage in model.stages]
        bn = model.patch_embed.conv1.bn
        config = {"embed_dim": [m.dim for m in attn], "depth": [len(s.blocks) for s in model.stages],
                  "num_heads": [m.num_heads for m in attn], "key_dim": [m.attn.key_dim for m in attn],
                  "val_dim": [m.attn.val_dim for m in attn], "window_size": [m.window_resolution for m in attn],
                  "attn_resolution": [m.attn.resolution for m in attn], "resolution": [s.resolution for s in model.stages],
                  "kernels": max(([d.conv.kernel_size[0] for d in m.attn.dws] for m in attn), key=len), "bn_eps": bn.eps, "bn_momentum": bn.momentum}
    elif family == "deit":
        block = model.blocks[0]
        config = {"patch": model.patch_embed.patch_size[0], "embed_dim": model.embed_dim, "depth": len(model.blocks),
                  "num_heads": block.attn.num_heads, "mlp_hidden": block.mlp.fc1.out_features,
                  "prefix_tokens": model.num_prefix_tokens, "distilled": hasattr(model, "dist_token"),
                  "ln_eps": block.norm1.eps}
    else:
        blocks = [stage.blocks for stage in model.layers]
        config = {"patch": model.patch_embed.patch_size[0], "embed_dim": model.patch_embed.proj.out_channels,
                  "depths": [len(b) for b in blocks], "num_heads": [b[0].attn.num_heads for b in blocks],
                  "window": [list(b[0].window_size) for b in blocks],
                  "shift": [[list(block.shift_size) for block in b[:2]] for b in blocks],
                  "mlp_ratio": blocks[0][0].mlp.fc1.out_features // blocks[0][0].mlp.fc1.in_features,
                  "mask_value": -100, "ln_eps": blocks[0][0].norm1.eps}
    return dict(config, img=img, classes=classes)


def counts_json(model, maps, family, watch, batch):
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    conv_linear = watch.macs // batch
    attention = sum(a[0].numel() * sum(head_widths(module, family)) for _, module, a in maps)
    return {"params": sum(p.numel() for p in model.parameters()),
            "bn_params": sum(p.numel() for m in norms for p in m.parameters()),
            "buffers_float": sum(b.numel() for m in norms for b in m.buffers() if b.is_floating_point()),
            "macs_conv_linear": conv_linear, "macs_attention": attention, "macs_total": conv_linear + attention}


def gradients(model):
    return [(name, p.grad.double()) for name, p in model.named_parameters()]


def float32_json(run, logits, loss, grads):
    """How far a float32 run of the reference strays; run() gives model, logits and loss."""
    model, got, got_loss = run()
    result = {"logits_max_abs": Number((got.detach().double() - logits).abs().max().item(), 3),
              "loss_abs": Number(abs(got_loss.item() - loss), 3)}
    if grads:
        total = math.sqrt(sum((g * g).sum().item() for _, g in grads))
        strays = [(name, (g - h).norm().item(), g.norm().item())
                  for (name, g), (_, h) in zip(grads, gradients(model))]
        result["grad_rel_total"] = Number(math.sqrt(sum(d * d for _, d, _ in strays)) / total, 3)
        # Gradients that are zero in exact arithmetic are rounding noise: they say nothing.
        worst = max(((d / size, name) for name, d, size in strays if size > 1e-6 * total))
        result["grad_rel_worst"], result["grad_rel_worst_name"] = Number(worst[0], 3), worst[1]
    return result


# --- the fixture ---------------------------------------------------------------------------------------------

def forward(options, batch, train, dtype):
    """One run from freshly generated parameters: (model, family, its weights, input, logits, loss, watch, softmaxes)."""
    model, family, _, img = timm_model(options.model, options.img, options.classes)
    weights = fill(model, options.seed)
    model = model.to(dtype).train(train)
    x = generate("input", (batch, 3, img, img), options.seed).to(dtype).requires_grad_(options.grad)
    watch = Watch(model, family, options.grad)
    with torch.set_grad_enabled(options.grad), Softmaxes() as softmaxes:
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(batch) % model.num_classes)
        if options.grad:
            loss.backward()
    watch.remove()
    return model, family, weights, x, logits.detach(), loss.detach(), watch, softmaxes


def norms_json(model):
    result = []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            entry = {"name": name}
            for which in ("running_mean", "running_var"):
                flat = getattr(module, which).detach()
                entry[which] = {"l2": Number(flat.norm().item(), 12), "sum": Number(flat.sum().item(), 12),
                                "strided4": strided(flat, 4)}
            result.append(entry)
    return result


def mode_json(options, batch, train):
    """The part "eval" or "train" of a fixture, and what the rest of it needs."""
    model, family, weights, x, logits, loss, watch, softmaxes = forward(options, batch, train, torch.float64)
    mode = {"batch": batch, "labels": [i % model.num_classes for i in range(batch)], "loss": Number(loss.item(), 15),
            "logits": [numbers(row) for row in logits], "logits_rec": record(logits)}
    if watch.relu and not train:
        mode["relu_inputs"] = relu_json(watch.relu)
    mode["taps"] = []
    for name, layout, output in watch.taps:
        entry = dict({"name": name, "layout": layout}, **record(output))
        if options.grad:
            entry["grad"] = grad_record(output.grad)
        mode["taps"].append(entry)
    maps = attention_maps(model, family, softmaxes.outputs, batch)
    if not train:
        listed = {0, len(maps) // 2, len(maps) - 1}
        mode["attention"] = [attention_json(name, a, i in listed) for i, (name, _, a) in enumerate(maps)]
        mode["similarity"] = [similarity_json(name, a) for name, _, a in maps]
    grads = gradients(model) if options.grad else []
    if grads:
        mode["input_grad"] = grad_record(x.grad)
        mode["grad_l2_total"] = Number(math.sqrt(sum((g * g).sum().item() for _, g in grads)), 12)
        mode["grads"] = [dict({"name": name}, **grad_record(g)) for name, g in grads]
    if train:
        mode["bn_after"] = norms_json(model)

    def run():
        got = forward(options, batch, train, torch.float32)
        return got[0], got[4], got[5]
    mode["f32"] = float32_json(run, logits, loss.item(), grads)
    return mode, {"model": model, "family": family, "weights": weights, "input": record(x), "maps": maps,
                  "watch": watch}


def build(options):
    _, _, published, img = timm_model(options.model, options.img, options.classes)
    mode, about = mode_json(options, options.batch, False)
    model, family = about["model"], about["family"]
    classes = model.num_classes
    fixture = {"schema": "vit-fixture/1", "kind": "model", "model": options.model, "family": family,
               "timm_name": published, "seed": options.seed, "img": img, "classes": classes,
               "config": config_json(model, family, img, classes),
               "counts": counts_json(model, about["maps"], family, about["watch"], options.batch),
               "weights": about["weights"], "input": about["input"], "eval": mode}
    if options.train:
        fixture["train"] = mode_json(options, 2 * options.batch, True)[0]
    return fixture


# --- steps of AdamW ------------------------------------------------------------------------------------------

ADAMW = {"lr": 0.001, "weight_decay": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-08}


def exempt(model):
    """Names that timm's recipe does not decay."""
    listed = model.no_weight_decay()
    return [n for n, p in model.named_parameters() if p.ndim <= 1 or n.endswith(".bias") or n in listed]


def trajectory(options, dtype, no_decay):
    """(losses, gradient norms, parameter norms, final logits, model) of the steps on one batch."""
    model, _, _, img = timm_model(options.model, options.img, options.classes)
    fill(model, options.seed)
    model = model.to(dtype)
    if options.model.startswith("efficientvit"):
        model.train()
    x = generate("input", (options.batch, 3, img, img), options.seed).to(dtype)
    labels = torch.arange(options.batch) % model.num_classes
    decayed = [p for n, p in model.named_parameters() if n not in no_decay]
    others = [p for n, p in model.named_parameters() if n in no_decay]
    optimizer = torch.optim.AdamW([{"params": decayed}, {"params": others, "weight_decay": 0.0}], lr=ADAMW["lr"],
                                  betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"],
                                  weight_decay=ADAMW["weight_decay"], foreach=False)
    losses, grads, params = [], [], []
    for step in range(options.adamw + 1):
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        losses.append(loss.item())
        params.append(math.sqrt(sum((p.detach() ** 2).sum().item() for p in model.parameters())))
        if step < options.adamw:
            optimizer.zero_grad()
            loss.backward()
            grads.append(math.sqrt(sum((p.grad ** 2).sum().item() for p in model.parameters())))
            optimizer.step()
    return losses, grads, params, logits.detach(), model


def adamw_run(options, decay, no_decay):
    losses, grads, params, logits, model = trajectory(options, torch.float64, no_decay)
    rough, _, _, rough_logits, _ = trajectory(options, torch.float32, no_decay)
    final = record(logits)
    return {"decay": decay, "no_decay": no_decay, "loss": [Number(v, 15) for v in losses],
            "grad_l2": [Number(v, 12) for v in grads], "param_l2": [Number(v, 12) for v in params],
            "final_logits": {k: final[k] for k in ("shape", "mean", "std", "l2", "first8", "strided8") if k in final},
            "f32": {"loss_abs": [Number(abs(a - b), 3) for a, b in zip(rough, losses)],
                    "final_logits_max_abs": Number((rough_logits.double() - logits).abs().max().item(), 3)},
            "final_params": [dict({"name": n}, **grad_record(p)) for n, p in model.named_parameters()]}


def build_adamw(options):
    model, family, _, img = timm_model(options.model, options.img, options.classes)
    return {"schema": "vit-fixture/1", "kind": "adamw", "seed": options.seed, "model": options.model, "family": family,
            "img": img, "classes": model.num_classes, "batch": options.batch,
            "config": config_json(model, family, img, model.num_classes),
            "optimizer": dict({"name": "adamw"}, **ADAMW, steps=options.adamw),
            "bn_mode": "train" if family == "efficientvit" else "none",
            "runs": [adamw_run(options, "all parameters", []), adamw_run(options, "matrices only", exempt(model))]}


def differences(want, got, path, skip=("f32", "taylor")):
    """[(path, wanted, got)] of everything in `got` that `want` has otherwise."""
    if isinstance(want, dict) and isinstance(got, dict):
        found = []
        for key in got:
            if key not in skip:
                found += differences(want.get(key), got[key], f"{path}.{key}", skip)
        return found
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [d for i, (w, g) in enumerate(zip(want, got)) for d in differences(w, g, f"{path}[{i}]", skip)]
    return [] if want == got else [(path, want, got)]


def count_numbers(value):
    if isinstance(value, dict):
        return sum(count_numbers(v) for v in value.values())
    if isinstance(value, list):
        return sum(count_numbers(v) for v in value)
    return 1


def check(path, text):
    """Compare with an existing fixture; the exit status."""
    with open(path) as file:
        want = json.load(file)
    got = json.loads(text)
    found = differences(want, got, "")
    worst = 0.0
    for name, w, g in found:
        if isinstance(w, (int, float)) and isinstance(g, (int, float)) and not isinstance(w, bool):
            # A gradient that is zero in exact arithmetic is listed as rounding noise: compare with an absolute floor.
            worst = max(worst, abs(w - g) / max(abs(w), abs(g), 1e-3))
        else:
            worst = math.inf
            print(f"  {name}: {path} has {w!r}, timm gives {g!r}"[:300])
    print(f"{path}: {count_numbers(got)} values compared, {len(found)} differ in the printed digits, "
          f"largest relative difference {worst:.1e}")
    return 0 if worst < 1e-9 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="efficientvit_m0..m5, deit_{tiny,small,base}, deit_{tiny,small}_distilled, "
                        "swin_{tiny,small,base}, {efficientvit,deit,swin}_nano, " + ", ".join(MOBILENET))
    parser.add_argument("--img", type=int, default=0, help="image size (default: the model's own)")
    parser.add_argument("--classes", type=int, default=0, help="classes of the head (default: the model's own)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--grad", action="store_true", help="add gradients of the loss (input, taps, parameters)")
    parser.add_argument("--adamw", type=int, default=0, metavar="STEPS", help="instead: a fixture of kind adamw")
    parser.add_argument("--train", action="store_true", help="add the same in training mode, with twice the batch")
    parser.add_argument("--out", default="build/fixtures", help="folder of the written fixture (default build/fixtures)")
    parser.add_argument("--check", metavar="FIXTURE", help="write nothing; compare with an existing fixture")
    options = parser.parse_args()
    torch.manual_seed(0)
    fixture = build_adamw(options) if options.adamw else build(options)
    text = "{\n" + ",\n".join(json.dumps(k) + ": " + to_json(v) for k, v in fixture.items()) + "\n}\n"
    if options.check:
        return check(options.check, text)
    os.makedirs(options.out, exist_ok=True)
    usual = NANO.get(options.model, (None, {}))[1].get("img_size", 224)
    size = "" if fixture["img"] == usual else f"_{fixture['img']}"
    batch = "" if options.batch == 2 else f"_b{options.batch}"
    kind = "adamw_" if options.adamw else ""
    path = os.path.join(options.out, f"{kind}{options.model}{size}{batch}_s{options.seed}.json")
    with open(path + ".part", "w") as file:
        file.write(text)
    os.replace(path + ".part", path)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
