using Mono.Cecil;
using Mono.Cecil.Cil;
using TorchAttention.Files;
using TorchAttention.Numerics;
using TorchAttention.Plotting;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Architecture;

/// <summary>The namespaces of an assembly, its rooms, use each other one way: read from what is compiled, whatever the files say.</summary>
public sealed class RoomsTests
{
    public static TheoryData<string> Assemblies =>
    [
        typeof(KernelPooling).Assembly.Location,
        typeof(LibTorch).Assembly.Location,
        typeof(Figures).Assembly.Location,
        typeof(TableFile).Assembly.Location,
        Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, "TorchAttention.Console.dll"),
        Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, "kernelfit.dll"),
        Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, "TorchAttention.Server.dll"),
        Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, "TorchAttention.Cluster.dll"),
    ];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Rooms_UseEachOtherOneWay(string assembly)
    {
        using ModuleDefinition module = ModuleDefinition.ReadModule(assembly);
        Assert.Single(Assemblies, other => Path.GetFileName(other.Data) == Path.GetFileName(assembly));
        Dictionary<(string From, string To), string> uses = [];
        foreach (TypeDefinition type in module.GetTypes())
        {
            foreach (TypeReference used in Uses(type))
            {
                if (used.Scope == module && RoomOf(used) != RoomOf(type) && RoomOf(used).Length > 0 && RoomOf(type).Length > 0)
                {
                    uses.TryAdd((RoomOf(type), RoomOf(used)), $"{type.FullName} uses {used.FullName}");
                }
            }
        }

        Assert.NotEmpty(module.Types);
        string[] both = [.. uses.Where(use => uses.ContainsKey((use.Key.To, use.Key.From))).Select(use => use.Value)];
        Assert.True(both.Length == 0, string.Join('\n', both));
    }

    // Its attributes are read by every command, and what they name is loaded.
    [Fact]
    public void Console_NamesNothingOfOrleans()
    {
        string console = Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, "TorchAttention.Console.dll");
        using ModuleDefinition module = ModuleDefinition.ReadModule(console);

        Assert.Contains(module.AssemblyReferences, reference => reference.Name == "TorchAttention.Cluster");
        Assert.DoesNotContain(module.AssemblyReferences, reference => reference.Name.StartsWith("Orleans", StringComparison.Ordinal));
    }

    [Fact]
    public void Uses_AreSeenWhereverTheyAre()
    {
        using ModuleDefinition module = ModuleDefinition.ReadModule(typeof(RoomsTests).Assembly.Location);
        TypeDefinition type = module.GetTypes().Single(type => type.Name == nameof(Sample));
        HashSet<string> expected = [nameof(RoomsTests), nameof(LongTests), nameof(HeldNumbersTests), nameof(ConsoleProcess)];
        Assert.Superset(expected, Uses(type).Select(used => used.Name).ToHashSet());
    }

    private static IEnumerable<TypeReference> Uses(TypeDefinition type) =>
        Direct(type).Where(used => used is not null).SelectMany(used => Parts(used!));

    private static IEnumerable<TypeReference?> Direct(TypeDefinition type)
    {
        yield return type.BaseType;
        foreach (TypeReference used in
            type.Interfaces.Select(one => one.InterfaceType).Concat(type.Fields.Select(field => field.FieldType)))
        {
            yield return used;
        }

        foreach (MethodDefinition method in type.Methods)
        {
            foreach (TypeReference used in OfSignature(method))
            {
                yield return used;
            }

            foreach (VariableDefinition variable in method.HasBody ? method.Body.Variables : [])
            {
                yield return variable.VariableType;
            }

            foreach (Instruction instruction in method.HasBody ? method.Body.Instructions : [])
            {
                switch (instruction.Operand)
                {
                    case TypeReference used:
                        yield return used;
                        break;
                    case FieldReference field:
                        yield return field.DeclaringType;
                        yield return field.FieldType;
                        break;
                    case MethodReference called:
                        foreach (TypeReference used in OfSignature(called).Append(called.DeclaringType))
                        {
                            yield return used;
                        }

                        foreach (TypeReference used in called is GenericInstanceMethod generic ? generic.GenericArguments : [])
                        {
                            yield return used;
                        }

                        break;
                }
            }
        }
    }

    private static IEnumerable<TypeReference> OfSignature(MethodReference method) =>
        method.Parameters.Select(parameter => parameter.ParameterType).Append(method.ReturnType);

    // List<A[]> is List and A.
    private static IEnumerable<TypeReference> Parts(TypeReference type) => type switch
    {
        GenericInstanceType generic => generic.GenericArguments.SelectMany(Parts).Append(generic.ElementType),
        TypeSpecification wrapped => Parts(wrapped.ElementType),
        GenericParameter => [],
        _ => [type],
    };

    private static string RoomOf(TypeReference type) => type.DeclaringType is null ? type.Namespace : RoomOf(type.DeclaringType);

    private sealed class Sample(List<ConsoleProcess[]> processes)
    {
        public int Count => processes.Count + typeof(LongTests).Name.Length;

        public static HeldNumbersTests? Signature(RoomsTests tests) => tests is null ? new() : null;
    }
}
