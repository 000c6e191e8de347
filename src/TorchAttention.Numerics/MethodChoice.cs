using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics;

/// <summary>Picks the method that a request is answered by, and has it answered.</summary>
internal static class MethodChoice
{
    /// <summary>Answers by the method that is asked for, or else by the cheapest that can.</summary>
    /// <param name="asked">The method asked for.</param>
    /// <param name="methods">All methods; the last resort can answer anything.</param>
    /// <returns>The method, and why it was taken.</returns>
    /// <exception cref="ArgumentException">The method asked for cannot answer this.</exception>
    public static (PoolingMethod Method, string Reason) Run(PoolingMethod asked, params ReadOnlySpan<IPoolingMethod> methods)
    {
        if (asked != PoolingMethod.Auto)
        {
            IPoolingMethod method = methods.ToArray().Single(method => method.Name == asked);
            if (method.Obstacle() is string obstacle)
            {
                throw new ArgumentException($"The method {asked} cannot answer this: {obstacle}.");
            }

            method.IsWorthIt(isAsked: true, out string? said);
            method.Run();
            return (asked, With("asked for", said));
        }

        string? passedOver = null;
        foreach (IPoolingMethod method in methods.ToArray().OrderBy(method => method.Cost))
        {
            if (method.Obstacle() is not null)
            {
                continue;
            }

            if (method.Doubt() is string doubt)
            {
                passedOver = doubt;
            }
            else if (method.IsWorthIt(isAsked: false, out string? note))
            {
                method.Run();
                return (method.Name, With(passedOver ?? method.Merit, note));
            }
            else
            {
                passedOver = note;
            }
        }

        throw new InvalidOperationException("Expected a method that can answer anything.");

        static string With(string reason, string? note) => note is null ? reason : $"{reason}, {note}";
    }
}
