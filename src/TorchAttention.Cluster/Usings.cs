global using System.CommandLine;
global using System.Globalization;
global using TorchAttention.Cli;
global using TorchAttention.Numerics.Tables;
