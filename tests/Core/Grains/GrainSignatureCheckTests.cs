using System.Reflection;
using System.Reflection.Emit;

namespace Granary.Core.Tests.Grains;

public sealed class GrainSignatureCheckTests
{
    [Fact]
    public void Violations_OfAnAssemblyWithBadSignatures_NamesEachOnce()
    {
        var violations = GrainSignatureCheck.Violations(BadAssembly());
        Assert.Equal(
            [
                "Bad has two members without [Id]",
                "Bad.Second duplicate",
                "IBad.Bytes bare",
                "IBad.Memory bare",
                "IBad.Number returns",
                "IBad.Plain unmarked",
                "IBad.Result copied",
            ],
            violations.Select(Shorten).Distinct().Order(StringComparer.Ordinal));
    }

    private static string Shorten(string violation) => violation switch
    {
        _ when violation.Contains("has no [Id]", StringComparison.Ordinal) => "Bad has two members without [Id]",
        _ when violation.Contains("has the [Id(1)] of", StringComparison.Ordinal) => "Bad.Second duplicate",
        _ when violation.StartsWith("IBad.Bytes(", StringComparison.Ordinal) => "IBad.Bytes bare",
        _ when violation.StartsWith("IBad.Memory(", StringComparison.Ordinal) => "IBad.Memory bare",
        _ when violation.StartsWith("IBad.Number returns Int32", StringComparison.Ordinal) => "IBad.Number returns",
        _ when violation.Contains("Plain has no [GenerateSerializer]", StringComparison.Ordinal) => "IBad.Plain unmarked",
        _ when violation.StartsWith("IBad.Result returns Byte[]", StringComparison.Ordinal) => "IBad.Result copied",
        _ => violation,
    };

    /// <summary>Built at run time, because Orleans' code generator refuses some of it at compile time.</summary>
    private static AssemblyBuilder BadAssembly()
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new("Bad"), AssemblyBuilderAccess.Run);
        var module = assembly.DefineDynamicModule("Bad");
        var plain = module.DefineType("Bad.Plain", TypeAttributes.Public).CreateType();

        var bad = module.DefineType("Bad.Bad", TypeAttributes.Public);
        bad.SetCustomAttribute(new(typeof(GenerateSerializerAttribute).GetConstructor([])!, []));
        bad.DefineField("NoId", typeof(int), FieldAttributes.Public);
        Identify(bad.DefineField("First", typeof(int), FieldAttributes.Public), 1);
        Identify(bad.DefineField("Second", typeof(int), FieldAttributes.Public), 1);
        var badType = bad.CreateType();

        var grain = module.DefineType("Bad.IBad", TypeAttributes.Public | TypeAttributes.Interface | TypeAttributes.Abstract);
        grain.AddInterfaceImplementation(typeof(IGrainWithStringKey));
        AddMethod(grain, "Bytes", typeof(Task), typeof(byte[]));
        AddMethod(grain, "Memory", typeof(ValueTask), typeof(ReadOnlyMemory<byte>));
        AddMethod(grain, "Number", typeof(int));
        AddMethod(grain, "Plain", typeof(Task), plain, typeof(List<>).MakeGenericType(badType));
        AddMethod(grain, "Result", typeof(Task<byte[]>));
        grain.CreateType();
        return assembly;
    }

    private static void Identify(FieldBuilder field, uint id)
        => field.SetCustomAttribute(new(typeof(IdAttribute).GetConstructor([typeof(uint)])!, [id]));

    private static void AddMethod(TypeBuilder type, string name, Type result, params Type[] parameters)
    {
        var method = type.DefineMethod(
            name,
            MethodAttributes.Public | MethodAttributes.Abstract | MethodAttributes.Virtual | MethodAttributes.NewSlot,
            result,
            parameters);
        for (var position = 1; position <= parameters.Length; position++)
        {
            method.DefineParameter(position, ParameterAttributes.None, $"argument{position}");
        }
    }
}
