global using System.Globalization;
global using TorchAttention.Numerics.Kernels;
global using TorchAttention.Numerics.Storage;
global using TorchAttention.Numerics.Tables;
global using TorchSharp;
global using TorchSharp.Utils;
global using static TorchSharp.torch;
