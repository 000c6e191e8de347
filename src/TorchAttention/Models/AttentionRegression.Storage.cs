using TorchAttention.Training;

namespace TorchAttention.Models;

/// <content>Saving and loading.</content>
public sealed partial class AttentionRegression
{
    internal static ModelKind Kind { get; } = new OfAttention();

    private sealed class OfAttention() : ModelKind("attention_regression")
    {
        public override Dictionary<string, string> Options(Module model) => StoredOptions.Texts(((AttentionRegression)model).Options);

        public override Module Load(StoredState state, StoredModel reader)
        {
            AttentionRegressionOptions options = StoredOptions.Attention(reader);
            long[] keys = state.Keys;
            state.Check([("keys", keys), ("values", [keys[0]]), .. Shapes(state.Features, options)]);
            return state.Fill(new AttentionRegression(state.Loaded("keys"), state.Loaded("values"), options));
        }

        protected override bool Has(Module model) => model is AttentionRegression;
    }
}
