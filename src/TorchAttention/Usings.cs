global using TorchSharp;
global using TorchSharp.Utils;
global using static TorchSharp.torch;
