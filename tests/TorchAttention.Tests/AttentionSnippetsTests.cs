using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Pooling;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>What the code about attention in <c>docs</c> does; alone, since it reads from the process's current folder.</summary>
[Collection(nameof(Training.AloneTests))]
public sealed class AttentionSnippetsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _console.Dispose();
    }

    // All weights 0 and the last bias 3: whatever comes in, 3 comes out.
    [Fact]
    public void MasksSnippet_AttendsWithPyTorchsState()
    {
        var state = new Dictionary<string, SafeTensor>
        {
            ["self_attn.in_proj_weight"] = TensorBytes.Stored(zeros(24, 8)),
            ["self_attn.in_proj_bias"] = TensorBytes.Stored(zeros(24)),
            ["self_attn.out_proj.weight"] = TensorBytes.Stored(zeros(8, 8)),
            ["self_attn.out_proj.bias"] = TensorBytes.Stored(ones(8).Times(3)),
        };
        new SafeTensorsFile(state, new Dictionary<string, string>()).Write(_console.PathOf("encoder.safetensors"));
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            (double[] attended, double[] weights) = RunMasks(randn(1, 4, 8), tensor(new[,] { { false, false, false, true } }));
            Assert.All(attended, number => Assert.Equal(3, number));
            double[] expected = [1, 0, 0, 0, 1 / 2.0, 1 / 2.0, 0, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0];
            Assert.Equal([.. expected, .. expected], weights, (a, b) => Math.Abs(a - b) < 1e-6);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    private static (double[] Attended, double[] Weights) RunMasks(Tensor x, Tensor padding)
    {
        using var attention = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 2 });
        attention.LoadPyTorch("encoder.safetensors", prefix: "self_attn.");
        Tensor attended = attention.Attend(x, x, x, new AttentionMasks { IsCausal = true, Padding = padding });
        Tensor weights = attention.AttentionWeights!;
        return (attended.ToDoubles(), weights.ToDoubles());
    }
}
