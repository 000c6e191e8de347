global using System.CommandLine;
global using System.Globalization;
global using System.Text.Json;
global using Microsoft.AspNetCore.Builder;
global using Microsoft.AspNetCore.Http;
global using TorchAttention.Cli;
global using TorchAttention.Cli.Regression;
global using TorchAttention.Numerics.Tables;
