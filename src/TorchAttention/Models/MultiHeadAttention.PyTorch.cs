using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <content>The state of PyTorch's <c>nn.MultiheadAttention</c>.</content>
public sealed partial class MultiHeadAttention
{
    /// <summary>Takes the parameters of PyTorch's <c>nn.MultiheadAttention</c> from a safetensors file.</summary>
    /// <remarks>
    /// They are <c>in_proj_weight</c> (3 x hiddens, q), or <c>q_proj_weight</c>, <c>k_proj_weight</c> and <c>v_proj_weight</c> where keys
    /// or values have a length of their own; <c>in_proj_bias</c> (3 x hiddens), <c>bias_k</c> and <c>bias_v</c> (1, 1, hiddens),
    /// <c>out_proj.weight</c> and <c>out_proj.bias</c>. float32 and float64 are converted to this module's type.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="prefix">What stands before the names, such as <c>encoder.layers.0.self_attn.</c>; empty by default.</param>
    /// <exception cref="StorageException">
    /// The file is missing or damaged, or a tensor is missing or has another shape or type; nothing is changed.
    /// </exception>
    /// <exception cref="InvalidOperationException">PyTorch has no module with these options.</exception>
    public void LoadPyTorch(string path, string prefix = "") => LoadPyTorch(path, SafeTensorsFile.Read(path).Tensors, prefix);

    /// <summary>The same from tensors that are read already.</summary>
    /// <inheritdoc cref="LoadPyTorch(string, string)"/>
    /// <param name="path">Where they are from, for messages.</param>
    /// <param name="state">The tensors.</param>
    /// <param name="prefix">What stands before the names.</param>
    internal void LoadPyTorch(string path, IReadOnlyDictionary<string, SafeTensor> state, string prefix)
    {
        long hiddens = _options.AllHiddens;
        if (hiddens != _options.QuerySize || _options.KeyHiddens != hiddens)
        {
            throw new InvalidOperationException(
                $"Expected hiddens as long as a query, {_options.QuerySize}, and as many heads of keys as heads, {_options.Heads}, as in "
                    + $"PyTorch; this module has {hiddens} and {_options.KeyHeads ?? _options.Heads}.");
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradients = no_grad();
        Linear[] projections = [_wq, _wk, _wv];
        var taken = new List<(Tensor To, Tensor From)>();
        if (_wk.weight!.size(1) == hiddens && _wv.weight!.size(1) == hiddens)
        {
            Tensor together = Stored("in_proj_weight", 3 * hiddens, hiddens);
            taken.AddRange(projections.Select((one, i) => ((Tensor)one.weight!, together.narrow(0, i * hiddens, hiddens))));
        }
        else
        {
            taken.AddRange(projections.Zip("qkv").Select(
                one => ((Tensor)one.First.weight!, Stored($"{one.Second}_proj_weight", hiddens, one.First.weight!.size(1)))));
        }

        taken.Add((_wo.weight!, Stored("out_proj.weight", hiddens, hiddens)));
        if (_options.HasBias)
        {
            Tensor biases = Stored("in_proj_bias", 3 * hiddens);
            taken.AddRange(projections.Select((one, i) => ((Tensor)one.bias!, biases.narrow(0, i * hiddens, hiddens))));
            taken.Add((_wo.bias!, Stored("out_proj.bias", hiddens)));
        }

        if (_biasKey is not null)
        {
            taken.Add((_biasKey, Stored("bias_k", 1, 1, hiddens)));
            taken.Add((_biasValue!, Stored("bias_v", 1, 1, hiddens)));
        }

        foreach ((Tensor to, Tensor from) in taken)
        {
            to.copy_(from);
        }

        Tensor Stored(string name, params long[] shape)
        {
            SafeTensor? stored = state.GetValueOrDefault(prefix + name);
            if (stored is null || stored.DataType is not ("F32" or "F64") || !stored.Shape.SequenceEqual(shape))
            {
                throw new StorageException(StorageProblem.Tensor, path)
                {
                    Name = prefix + name,
                    Expected = $"as F32 or F64 ({string.Join(", ", shape)})",
                    Found = stored?.ToString(),
                };
            }

            return stored.DataType == "F32" ? tensor(stored.ToFloats(), shape) : tensor(stored.ToDoubles(), shape);
        }
    }
}
