using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace TorchAttention.Tests;

/// <summary>A case of a theory that runs where long tests are asked for; one of <c>InlineData</c> stands for its kind elsewhere.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class LongDataAttribute(params object?[] data) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow(data) { Skip = LongTests.AreAskedFor ? null : LongTests.Reason }]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
