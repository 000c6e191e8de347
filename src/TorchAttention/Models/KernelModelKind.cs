using TorchAttention.Numerics.Storage;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>A kind of kernel regression: its keys, its values and some w.</summary>
/// <param name="name">What a file of it says it is.</param>
/// <param name="widths">How many w a file has.</param>
/// <param name="create">Makes the model of keys, values, options and the number of w.</param>
/// <param name="hasRegions">Whether each key has a region.</param>
internal sealed class KernelModelKind<TModel>(
    string name, Func<StoredState, long> widths, Func<Tensor, Tensor, KernelModelOptions, int, TModel> create, bool hasRegions = false)
    : ModelKind(name)
    where TModel : KernelRegressionModule
{
    public override Dictionary<string, string> Options(Module model) => StoredOptions.Texts(((TModel)model).Options);

    public override Module Load(StoredState state, StoredModel reader)
    {
        KernelModelOptions options = StoredOptions.Kernel(reader, state.LargestNumber);
        long count = widths(state);
        long[] keys = state.Keys;
        state.Check([("keys", keys), ("values", [keys[0]]), ("w", [count]), .. hasRegions ? [("regions", [keys[0]])] : RegionsOfNone]);
        if (hasRegions)
        {
            state.CheckRegions(count);
        }

        return state.Fill(create(state.Loaded("keys"), state.Loaded("values"), options, checked((int)count)));
    }

    private static (string, long[])[] RegionsOfNone => [];

    protected override bool Has(Module model) => model is TModel;
}
