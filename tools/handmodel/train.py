#!/usr/bin/python3
"""Teaches the reader's model of handwriting: train.py STRIPS_DIR OUT_DIR MINUTES [HELD_OUT...]

RATE is the first learning rate (2e-3), WORDS the share of lines of words learned from (1), BEND the
share of batches that are bent (0.75). STRIPS_DIR holds files of strips as lines.c writes them (more
may come while this runs); HELD_OUT are files never learned from, of which the last one decides which
state is kept. OUT_DIR/model.pt is the state to go on from (the mean of the last steps' weights),
OUT_DIR/hand.bin what the reader links in (see export).
The rule not to break: shapes here are those of lib/formread/hand.c.
"""
import copy, glob, math, os, random, struct, sys, time
import numpy as np
import torch
from torch import nn

HEIGHT = 32
SIGNS = ("0123456789/-.,%°()+:' ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzÁÉÍÓÚÑáéíóúüñ")
BATCH_PIXELS = 9000  # columns of strips in one step
LEAVE_OUT = {"Ü": "U"}


class Block(nn.Module):
    """Convolution, normalisation, ReLU; folded into one convolution when exported."""

    def __init__(self, i, o, k, pad, stride=1, residual=False):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, padding=pad, stride=stride, bias=False)
        self.norm = nn.BatchNorm2d(o)
        self.residual = residual

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        return x + y if self.residual else y


class Net(nn.Module):
    """Strip to scores per sign (0: none) at every fourth column."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([
            Block(1, 24, 5, 2, stride=2), Block(24, 48, 3, 1), Block(48, 48, 3, 1, residual=True),
            Block(48, 80, 3, 1), Block(80, 80, 3, 1, residual=True), Block(80, 128, (4, 1), 0),
            Block(128, 128, (1, 5), (0, 2), residual=True), Block(128, 128, (1, 5), (0, 2), residual=True)])
        self.last = nn.Conv2d(128, len(SIGNS) + 1, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        pools = {0: (2, 2), 2: (2, 1)}
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in pools:
                x = nn.functional.max_pool2d(x, pools[i])
        return self.last(self.drop(x))[:, :, 0, :]


def strips_load(path):
    data, at, out = open(path, "rb").read(), 0, []
    while at + 4 <= len(data):
        w, n = struct.unpack_from("<HH", data, at)
        text = data[at + 4:at + 4 + n].decode()
        at += 4 + n
        if at + w * HEIGHT > len(data):
            break
        picture = np.frombuffer(data, np.uint8, w * HEIGHT, at).reshape(HEIGHT, w)
        at += w * HEIGHT
        signs = [SIGNS.find(c) + 1 for c in text]
        repeats = sum(a == b for a, b in zip(signs, signs[1:]))
        if all(signs) and signs and len(signs) + repeats <= w // 4 and w <= 800:
            out.append((picture, signs))
    return out


def is_number(signs):
    """No line of words: numbers with their units, single answers (A, Alert, F)."""
    return len(signs) <= 6 or sum(SIGNS[c - 1].isdigit() for c in signs) * 2 >= len(signs)


def batches(strips, shuffle=True):
    strips = sorted(strips, key=lambda s: s[0].shape[1] + (random.random() * 16 if shuffle else 0))
    out, batch, widest = [], [], 0
    for s in strips:
        widest = max(widest, s[0].shape[1])
        if batch and widest * (len(batch) + 1) > BATCH_PIXELS:
            out.append(batch)
            batch, widest = [], s[0].shape[1]
        batch.append(s)
    out.append(batch)
    if shuffle:
        random.shuffle(out)
    return out


def tensors(batch, wear):
    w = max(s[0].shape[1] for s in batch)
    w = (w + 7) // 4 * 4
    x = np.zeros((len(batch), 1, HEIGHT, w), np.float32)
    for i, (picture, _) in enumerate(batch):
        dy = random.choice((-1, 0, 0, 0, 1)) if wear else 0
        p = np.roll(picture, dy, 0) if dy else picture
        x[i, 0, :, :p.shape[1]] = p
    x /= 255
    if wear:  # strips are used several times: never quite the same
        x = np.clip(x ** np.exp(np.random.uniform(-.4, .4, (len(batch), 1, 1, 1))).astype(np.float32), 0, 1)
    widths = torch.tensor([(s[0].shape[1] + 3) // 4 for s in batch])
    signs = torch.tensor([c for s in batch for c in s[1]])
    lengths = torch.tensor([len(s[1]) for s in batch])
    return torch.from_numpy(x), widths, signs, lengths


def bend(x, widths):
    """The same lines in other hands: wider, leaning, uneven, thicker or thinner, higher or lower."""
    n, _, h, w = x.shape
    wide = math.exp(random.uniform(-.25, .25))
    new = max(16, round(w * wide / 4) * 4)
    y, z = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, new), indexing="ij")
    off = nn.functional.interpolate(torch.randn(n, 2, 4, max(3, new // 16)), (h, new), mode="bilinear")
    much = torch.rand(n, 1, 1) * (torch.rand(n, 1, 1) < .7)
    tall, up = torch.exp(torch.rand(n, 1, 1) * .3 - .1), torch.rand(n, 1, 1) * .16 - .08
    lean = (torch.rand(n, 1, 1) - .5) * .5
    across = z + off[:, 0] * much * 3.0 / new + y * lean * h / new
    down = y * tall + up + off[:, 1] * much * 2.4 / h
    x = nn.functional.grid_sample(x, torch.stack((across, down), -1), align_corners=False)
    thick = (torch.rand(n, 1, 1, 1) - .4) * 1.1
    fat, thin = nn.functional.max_pool2d(x, 3, 1, 1), -nn.functional.max_pool2d(-x, 3, 1, 1)
    x = torch.where(thick > 0, x + (fat - x) * thick, x + (x - thin) * thick)
    return x, torch.clamp((widths.float() * 4 * new / w + 3).long() // 4, max=new // 4)


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def measure(net, strips):
    """Share of wrong signs and of wrong lines, of numbers and of words, as a text; and the first alone."""
    net.eval()
    wrong = {True: [0, 0, 0, 0], False: [0, 0, 0, 0]}
    with torch.no_grad():
        for batch in batches(strips, False):
            x, widths, _, _ = tensors(batch, False)
            best = net(x).argmax(1).tolist()
            for row, width, (_, signs) in zip(best, widths.tolist(), batch):
                row = row[:width]
                read = [c for c, before in zip(row, [0] + row) if c and c != before]
                number = not any(SIGNS[c - 1].isalpha() for c in signs)
                w = wrong[number]
                w[0] += distance(read, signs)
                w[1] += len(signs)
                w[2] += read != signs
                w[3] += 1
    net.train()
    text = " ".join("%s %.1f%% of signs %.1f%% of lines" % ("numbers" if k else "words", 100 * w[0] / max(1, w[1]),
                    100 * w[2] / max(1, w[3])) for k, w in wrong.items())
    return text, wrong[True][0] / max(1, wrong[True][1])


def export(net, path):
    """hand.bin: "HAND1\\n", the signs as one UTF-8 line, then per convolution i32 in, out, kernel height,
    width, flags (1 residual, 2 ReLU, 4 two steps at a time), o float32 scales, o float32 biases, int8 weights [o][i][h][w]."""
    net.eval()
    with open(path + ".new", "wb") as f:
        f.write(b"HAND1\n" + SIGNS.encode() + b"\n")
        for layer in list(net.blocks) + [net.last]:
            if isinstance(layer, Block):
                gain = layer.norm.weight / torch.sqrt(layer.norm.running_var + layer.norm.eps)
                weights = layer.conv.weight * gain[:, None, None, None]
                bias = layer.norm.bias - layer.norm.running_mean * gain
                flags = 2 + layer.residual + 4 * (layer.conv.stride[0] == 2)
            else:
                weights, bias, flags = layer.weight, layer.bias, 0
            weights = weights.detach().numpy()
            o, i, h, w = weights.shape
            scales = np.abs(weights).reshape(o, -1).max(1) / 127 + 1e-12
            f.write(struct.pack("<5i", i, o, h, w, flags))
            f.write(scales.astype("<f4").tobytes() + bias.detach().numpy().astype("<f4").tobytes())
            f.write(np.round(weights / scales[:, None, None, None]).astype(np.int8).tobytes())
    os.replace(path + ".new", path)
    net.train()


def mean_move(mean, net, steps):
    """The mean of the weights of the last steps: what is kept."""
    keep = min(0.9985, (steps + 1) / (steps + 20))
    with torch.no_grad():
        for a, b in zip(mean.state_dict().values(), net.state_dict().values()):
            if a.dtype.is_floating_point:
                a.lerp_(b, 1 - keep)


def keep_better(mean, held, out, top):
    """Reports on the held-out files; keeps `mean` when it is better on the last. Returns the best share."""
    share = 0.0
    for name, strips in held.items():
        text, share = measure(mean, strips)
        print("   ", os.path.basename(name), text, flush=True)
    if not held or share < top:
        torch.save(mean.state_dict(), os.path.join(out, "model.pt"))
        export(mean, os.path.join(out, "hand.bin"))
    return min(share, top)


def main():
    strips_dir, out, minutes = sys.argv[1], sys.argv[2], float(sys.argv[3])
    held = {path: strips_load(path)[:1200] for path in sys.argv[4:]}
    torch.manual_seed(1)
    random.seed(1)
    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    net = Net().to(memory_format=torch.channels_last)
    best = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    state = os.path.join(out, "model.pt")
    if os.path.exists(state):
        net.load_state_dict(torch.load(state))
    mean, bent = copy.deepcopy(net), float(os.environ.get("BEND", ".75"))
    print("parameters", sum(p.numel() for p in net.parameters()), flush=True)
    top = keep_better(mean, held, out, 2.0) if os.path.exists(state) else 2.0
    start, steps, shown, lines, loss_sum, since, used = time.time(), 0, time.time(), 0, 0.0, 0, {}
    loss_of = nn.CTCLoss(zero_infinity=True)
    rate = float(os.environ.get("RATE", "2e-3"))
    words = float(os.environ.get("WORDS", "1"))
    done = False
    while not done:
        files = [f for f in glob.glob(strips_dir + "/*.strips") if f not in held]
        if not files:
            time.sleep(1)
            continue
        path = min(files, key=lambda f: (used.get(f, 0), random.random()))
        used[path] = used.get(path, 0) + 1
        strips = [s for s in strips_load(path) if random.random() < words or is_number(s[1])]
        for batch in batches(strips):
            part = min(1.0, (time.time() - start) / (60 * minutes))
            for group in best.param_groups:  # warm up, then down to nothing, slowly at the end
                group["lr"] = rate * min(1, (steps + 1) / 200) * (0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2)
            x, widths, signs, lengths = tensors(batch, True)
            if random.random() < bent:
                other, narrower = bend(x, widths)
                if (narrower >= lengths * 1.3).all():  # there must be room for all signs
                    x, widths = other, narrower
            x = x.contiguous(memory_format=torch.channels_last)
            scores = net(x).log_softmax(1).permute(2, 0, 1)
            loss = loss_of(scores, signs, torch.clamp(widths, max=scores.shape[0]), lengths)
            best.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            best.step()
            mean_move(mean, net, steps)
            steps, lines, loss_sum, since = steps + 1, lines + len(batch), loss_sum + loss.item(), since + 1
            done = part >= 1
            if done or time.time() - shown > 600:
                print("%4.0f min %d steps %d lines loss %.3f" % ((time.time() - start) / 60, steps, lines,
                      loss_sum / since), flush=True)
                top = keep_better(mean, held, out, top)
                shown, loss_sum, since = time.time(), 0.0, 0
            if done:
                break


main()
