using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>What an optimiser remembers from step to step, as named tensors.</summary>
/// <remarks>TorchSharp's own way of saving knows float32 on the CPU only, and its LBFGS none at all.</remarks>
internal static class OptimizerMemory
{
    /// <summary>
    /// The name of the method, by which a checkpoint knows whose memory it has: one for TorchSharp's and for those here that take the same
    /// steps.
    /// </summary>
    public static string NameOf(optim.Optimizer optimizer) => optimizer switch
    {
        SGD => nameof(SGD),
        Adam => nameof(Adam),
        AdamW => nameof(AdamW),
        _ => optimizer.GetType().Name,
    };

    /// <summary>The memory, copied.</summary>
    /// <exception cref="NotSupportedException">It cannot be reached.</exception>
    public static Dictionary<string, SafeTensor> Save(optim.Optimizer optimizer)
    {
        var memory = new Dictionary<string, SafeTensor>();
        if (optimizer is IResumableOptimizer own)
        {
            foreach ((string name, double[] numbers) in own.SaveState())
            {
                memory[name] = SafeTensor.Create(numbers, numbers.Length);
            }

            return memory;
        }

        foreach ((int i, OptimizerState state) in States(optimizer).Index())
        {
            switch (state)
            {
                case SGD.State sgd:
                    Keep($"{i}.momentum_buffer", sgd.momentum_buffer);
                    break;
                case Adam.State adam:
                    KeepMoments(i, adam.step, adam.exp_avg, adam.exp_avg_sq);
                    break;
                case AdamW.State adamW:
                    KeepMoments(i, adamW.step, adamW.exp_avg, adamW.exp_avg_sq);
                    break;
                default:
                    throw Unknown(optimizer);
            }
        }

        return memory;

        void Keep(string name, Tensor? tensor)
        {
            if (tensor is not null)
            {
                memory[name] = TensorBytes.Stored(tensor);
            }
        }

        void KeepMoments(int i, long step, Tensor mean, Tensor square)
        {
            memory[$"{i}.step"] = SafeTensor.Create([(double)step], 1);
            Keep($"{i}.exp_avg", mean);
            Keep($"{i}.exp_avg_sq", square);
        }
    }

    /// <summary>Gives an optimiser of the same kind and parameters the memory.</summary>
    /// <exception cref="KeyNotFoundException">A part is missing.</exception>
    /// <exception cref="InvalidOperationException">A part is of another type.</exception>
    public static void Load(optim.Optimizer optimizer, IReadOnlyDictionary<string, SafeTensor> memory)
    {
        if (optimizer is IResumableOptimizer own)
        {
            own.LoadState(memory.ToDictionary(part => part.Key, part => part.Value.ToDoubles()));
            return;
        }

        Parameter[] parameters = [.. optimizer.parameters()];
        foreach ((int i, OptimizerState state) in States(optimizer).Index())
        {
            switch (state)
            {
                case SGD.State sgd:
                    sgd.momentum_buffer?.Dispose();
                    sgd.momentum_buffer = memory.TryGetValue($"{i}.momentum_buffer", out SafeTensor? buffer)
                        ? Like(parameters[i], buffer)
                        : null;
                    break;
                case Adam.State adam:
                    adam.step = Steps(i);
                    TensorBytes.CopyTo(adam.exp_avg, memory[$"{i}.exp_avg"].Bytes);
                    TensorBytes.CopyTo(adam.exp_avg_sq, memory[$"{i}.exp_avg_sq"].Bytes);
                    break;
                case AdamW.State adamW:
                    adamW.step = Steps(i);
                    TensorBytes.CopyTo(adamW.exp_avg, memory[$"{i}.exp_avg"].Bytes);
                    TensorBytes.CopyTo(adamW.exp_avg_sq, memory[$"{i}.exp_avg_sq"].Bytes);
                    break;
                default:
                    throw Unknown(optimizer);
            }
        }

        long Steps(int i) => (long)memory[$"{i}.step"].ToDoubles()[0];
    }

    private static List<OptimizerState> States(optim.Optimizer optimizer) =>
        optimizer is OptimizerHelper helper ? helper.state_dict().State : throw Unknown(optimizer);

    private static Tensor Like(Tensor parameter, SafeTensor stored)
    {
        using IDisposable noGradients = no_grad();
        Tensor tensor = empty_like(parameter).DetachFromDisposeScope();
        TensorBytes.CopyTo(tensor, stored.Bytes);
        return tensor;
    }

    private static NotSupportedException Unknown(optim.Optimizer optimizer) =>
        new($"Expected SGD, Adam, AdamW, or an optimiser that is an {nameof(IResumableOptimizer)}, got {optimizer.GetType().Name}: its "
            + $"memory cannot be saved.");
}
