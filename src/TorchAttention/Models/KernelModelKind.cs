using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>A kind of kernel regression: its keys, its values and some w.</summary>
/// <param name="name">What a file of it says it is.</param>
/// <param name="widths">What each w belongs to.</param>
/// <param name="create">Makes the model.</param>
/// <param name="degree">The degree of its fit.</param>
internal sealed class KernelModelKind<TModel>(
    string name, KernelWidths widths, Func<Tensor, Tensor, KernelModelOptions, TModel> create, int degree = 0)
    : ModelKind(name)
    where TModel : NWKernelRegression
{
    private static (string, long[])[] Nothing => [];

    public override Dictionary<string, string> Options(Module model) => StoredOptions.Texts(((TModel)model).Options);

    public override Module Load(StoredState state, StoredModel reader)
    {
        KernelModelOptions options = StoredOptions.Kernel(reader, state.LargestNumber, degree) with { Widths = widths };
        bool hasRegions = widths == KernelWidths.PerRegion;
        long count = hasRegions ? state.Widths : widths == KernelWidths.PerFeature ? state.Features : 1;
        if (options.LearnRidge && !state.Has("log_ridge"))
        {
            throw reader.Unexpected("learn_ridge", "false where there is no tensor 'log_ridge'");
        }

        long[] keys = state.Keys;
        state.Check([
            ("keys", keys), ("values", [keys[0]]), ("w", [count]), .. hasRegions ? [("regions", [keys[0]])] : Nothing,
            .. options.LearnRidge ? [("log_ridge", [1])] : Nothing]);
        if (hasRegions)
        {
            state.CheckRegions(count);
            options = options with { Regions = checked((int)count) };
        }

        return state.Fill(create(state.Loaded("keys"), state.Loaded("values"), options));
    }

    // A model of one's own may derive from the library's.
    protected override bool Has(Module model) => model.GetType() == typeof(TModel) && ((TModel)model).Options is { } options
        && options.Widths == widths && options.Degree == degree;
}
