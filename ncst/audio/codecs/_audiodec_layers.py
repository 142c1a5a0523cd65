"""The layers of AudioDec, named as its official files name them."""

import torch
from torch import nn
from torch.nn.functional import elu, leaky_relu, pad

SLOPE = 0.1


class Encoder(nn.Module):
    """(B, 1, T) audio to (B, channels * 2 ** strides, frames)."""

    def __init__(self, channels, strides):
        super().__init__()
        self.conv = CausalConv(1, channels, 7, bias=False)
        self.conv_blocks = nn.Sequential()
        for stride in strides:
            down = CausalConv(channels, 2 * channels, 2 * stride, stride)
            self.conv_blocks.append(Block(res_units=_res_units(channels), conv=down))
            channels *= 2

    def forward(self, x):
        return self.conv_blocks(self.conv(x))


class Decoder(nn.Module):
    """The mirror of the encoder: (B, latent, frames) to (B, 1, frames * hop)."""

    def __init__(self, latent, channels, strides):
        super().__init__()
        width = channels * 2 ** len(strides)
        self.conv1 = CausalConv(latent, width, 7, bias=False)
        self.conv_blocks = nn.Sequential()
        for stride in strides:
            width //= 2
            self.conv_blocks.append(Block(conv=CausalUpsample(2 * width, width, stride), res_units=_res_units(width)))
        self.conv2 = CausalConv(channels, 1, 7, bias=False)

    def forward(self, x):
        return self.conv2(self.conv_blocks(self.conv1(x)))


class Vocoder(nn.Module):
    """HiFi-GAN with grouped residual blocks: (B, latent, frames) to (B, 1, frames * hop) in [-1, 1].

    Parameters
    ----------
    latent : int
        Width of the quantised latent, which `mean` and `scale` normalise.
    channels : int
        Channels before the first upsampling; each one halves them.
    strides : sequence of int
        Of the upsampling layers.
    kernel, groups : int
        Of the residual blocks.
    """

    def __init__(self, latent, channels=512, strides=(5, 5, 4, 3), kernel=11, groups=3):
        super().__init__()
        self.mean, self.scale = nn.Buffer(torch.zeros(latent)), nn.Buffer(torch.ones(latent))
        self.input_conv = CausalConv(latent, channels, 7)
        self.upsamples, self.blocks = nn.ModuleList(), nn.ModuleList()
        for stride in strides:
            self.upsamples.append(CausalUpsample(channels, channels // 2, stride))
            channels //= 2
            self.blocks.append(GroupedBlock(channels, kernel, groups))
        self.output_conv = CausalConv(channels, 1, 7)

    def forward(self, x):
        x = self.input_conv((x - self.mean[:, None]) / self.scale[:, None])
        for upsample, block in zip(self.upsamples, self.blocks):
            x = block(upsample(leaky_relu(x, SLOPE)))
        return torch.tanh(self.output_conv(leaky_relu(x, 0.01)))


class GroupedBlock(nn.Module):
    """HiFi-GAN's parallel residual blocks as one block of grouped convolutions on repeated channels."""

    def __init__(self, channels, kernel, groups, dilations=(1, 3, 5)):
        super().__init__()
        wide, self.groups = channels * groups, groups
        self.convs1 = nn.ModuleList(CausalConv(wide, wide, kernel, dilation=d, groups=groups) for d in dilations)
        self.convs2 = nn.ModuleList(CausalConv(wide, wide, kernel, groups=groups) for _ in dilations)
        self.conv_out = nn.Conv1d(wide, channels, 1, bias=False)

    def forward(self, x):
        x = x.repeat(1, self.groups, 1)
        for dilated, plain in zip(self.convs1, self.convs2):
            x = plain(leaky_relu(dilated(leaky_relu(x, SLOPE)), SLOPE, inplace=True)).add_(x)
        return self.conv_out(x)


class Block(nn.Sequential):
    """Named layers in the order of the keyword arguments."""

    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


class ResidualUnit(nn.Module):
    """ELU, dilated convolution, ELU, pointwise convolution, around a skip."""

    def __init__(self, channels, dilation):
        super().__init__()
        self.conv1 = CausalConv(channels, channels, 7, dilation=dilation, bias=False)
        self.conv2 = nn.Conv1d(channels, channels, 1, bias=False)

    def forward(self, x):
        return x + self.conv2(elu(self.conv1(elu(x))))


class CausalConv(nn.Module):
    """Convolution that sees no future: (B, C, T) to (B, C', T / stride rounded up)."""

    def __init__(self, inputs, outputs, kernel, stride=1, **options):
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, **options)

    def forward(self, x):
        (kernel,), (dilation,) = self.conv.kernel_size, self.conv.dilation
        return self.conv(pad(x, ((kernel - 1) * dilation, 0)))


class CausalUpsample(nn.Module):
    """Transposed convolution, the first frame repeated before it: (B, C, T) to (B, C', T * stride)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.deconv = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, padding=stride)

    def forward(self, x):
        return self.deconv(pad(x, (1, 0), mode="replicate"))


def _res_units(channels):
    return nn.Sequential(*(ResidualUnit(channels, dilation) for dilation in (1, 3, 9)))
