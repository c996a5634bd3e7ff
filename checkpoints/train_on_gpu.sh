#!/bin/sh
# The experiments that need a GPU: four mechanisms, CIFAR-10 at 224 x 224, three seeds, bfloat16, from scratch.
# Give the folder that holds CIFAR-10 as the first argument, or none to download it. An interrupted run goes on.
set -e
data=cifar10${1:+:$1}

# ViT-B/16, 86 M parameters: the published comparison.
python -m interpret.train --preset selectivevit-four-arms --data "$data" --seeds 0,1,2 --resume --out runs/cifar10-base

# ViT-Ti/16, 5.5 M parameters: small enough to be bundled.
python -m interpret.train --preset selectivevit-four-arms --backbone vit_tiny_patch16_224 --shift 16 --save-dtype float16 \
    --data "$data" --seeds 0,1,2 --resume --out runs/cifar10-tiny
