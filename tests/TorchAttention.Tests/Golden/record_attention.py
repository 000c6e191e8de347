"""Records masked softmax, dot-product, additive and multi-head attention from PyTorch as pytorch_attention.json, beside this file.

    python3 tests/TorchAttention.Tests/Golden/record_attention.py

Needs PyTorch 1.13 or later (Debian: python3-torch). The layers are those of the chapter "Attention Mechanisms and Transformers" of Dive into Deep
Learning (d2l.ai), written down from their formulas: scores of masked pairs are -1e6, dot products are divided by the root of their length.
"""
import json
import math
import pathlib

import torch

BATCH, QUERIES, KEYS, WIDTH, VALUES, HIDDENS, HEADS = 2, 3, 5, 4, 6, 8, 4


def masked_softmax(scores, valid):
    if valid is None:
        return torch.softmax(scores, dim=-1)
    lengths = valid.reshape(valid.shape[0], -1, 1).expand(-1, scores.shape[1], -1)
    return torch.softmax(scores.masked_fill(torch.arange(scores.shape[-1]) >= lengths, -1e6), dim=-1)


def dot_product(queries, keys, values, valid):
    weights = masked_softmax(queries @ keys.transpose(1, 2) / math.sqrt(queries.shape[-1]), valid)
    return weights @ values, weights


def additive(w_q, w_k, w_v, queries, keys, values, valid):
    scores = torch.tanh((queries @ w_q.T)[:, :, None] + (keys @ w_k.T)[:, None]) @ w_v
    weights = masked_softmax(scores, valid)
    return weights @ values, weights


def multi_head(w_q, w_k, w_v, w_o, queries, keys, values, valid):
    def split(x):
        return x.reshape(x.shape[0], x.shape[1], HEADS, -1).transpose(1, 2)

    out, heads = [], zip(*(split(x @ w.T).unbind(1) for x, w in ((queries, w_q), (keys, w_k), (values, w_v))))
    for q, k, v in heads:
        out.append(dot_product(q, k, v, valid)[0])
    return torch.cat(out, dim=-1) @ w_o.T


def main():
    torch.manual_seed(0)
    draw = lambda *shape: torch.randn(*shape)
    queries, keys, values = draw(BATCH, QUERIES, WIDTH), draw(BATCH, KEYS, WIDTH), draw(BATCH, KEYS, VALUES)
    weights = {
        "additive": [draw(HIDDENS, WIDTH), draw(HIDDENS, WIDTH), draw(HIDDENS)],
        "multi_head": [draw(HIDDENS, WIDTH), draw(HIDDENS, WIDTH), draw(HIDDENS, VALUES), draw(HIDDENS, HIDDENS)],
    }
    lengths = {"none": None, "one": torch.tensor([2, 5]), "two": torch.tensor([[1, 3, 5], [0, 4, 2]])}
    scores = draw(BATCH, QUERIES, KEYS)
    flat = lambda x: x.reshape(-1).tolist()
    recorded = {
        "queries": flat(queries), "keys": flat(keys), "values": flat(values), "scores": flat(scores),
        "parameters": {name: [flat(w) for w in ws] for name, ws in weights.items()}, "results": {},
    }
    for name, valid in lengths.items():
        out, attention = dot_product(queries, keys, values, valid)
        out_additive, attention_additive = additive(*weights["additive"], queries, keys, values, valid)
        recorded["results"][name] = {
            "lengths": None if valid is None else flat(valid),
            "masked_softmax": flat(masked_softmax(scores, valid)),
            "dot_product": flat(out), "dot_product_weights": flat(attention),
            "additive": flat(out_additive), "additive_weights": flat(attention_additive),
            "multi_head": flat(multi_head(*weights["multi_head"], queries, keys, values, valid)),
        }
    path = pathlib.Path(__file__).with_name("pytorch_attention.json")
    path.write_text(json.dumps(recorded) + "\n")


if __name__ == "__main__":
    main()
