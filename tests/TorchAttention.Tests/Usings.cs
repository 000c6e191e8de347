global using TorchSharp;
global using Xunit;
global using static TorchAttention.Tests.HeldInTests;
global using static TorchSharp.torch;
