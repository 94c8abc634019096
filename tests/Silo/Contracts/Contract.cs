using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Granary.Core.Members;
using Orleans.CodeGeneration;

namespace Granary.Silo.Tests.Contracts;

/// <summary>What members of a cluster say to each other, found by looking at the interfaces of grains and observers, and all types that these carry.</summary>
internal sealed class Contract
{
    private readonly SortedDictionary<string, Type> _types = new(StringComparer.Ordinal);
    private readonly Assembly[] _assemblies;

    private Contract(Assembly[] assemblies)
    {
        _assemblies = assemblies;
        Interfaces = [.. assemblies.SelectMany(assembly => assembly.GetTypes()).Where(type => type.IsInterface && type.IsAssignableTo(typeof(IAddressable))).OrderBy(type => type.Name, StringComparer.Ordinal)];
        foreach (var method in Interfaces.SelectMany(MethodsOf))
        {
            Note(method.ReturnType);
            foreach (var parameter in method.GetParameters())
            {
                Note(parameter.ParameterType);
            }
        }
    }

    public IReadOnlyList<Type> Interfaces { get; }

    /// <summary>Of the product; not those of the runtime and of .NET.</summary>
    public IEnumerable<Type> Types => _types.Values;

    public static Contract OfThisBuild() => new([typeof(ContractVersion).Assembly, typeof(Granary.Silo.Hosting.SiloHosting).Assembly]);

    public static IEnumerable<MethodInfo> MethodsOf(Type type) => type.GetMethods().Where(method => !method.IsStatic).OrderBy(method => method.Name, StringComparer.Ordinal);

    public static string? AliasOf(MemberInfo member) => member.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias;

    /// <summary>The fields of a type that hold something, each with the number that it has on the way; null: none.</summary>
    public static IEnumerable<(string Name, Type Type, uint? Id)> MembersOf(Type type) =>
        from field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        let name = field.Name.StartsWith('<') ? field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)] : field.Name
        let id = field.GetCustomAttribute<IdAttribute>()
            ?? (field.IsDefined(typeof(CompilerGeneratedAttribute)) ? type.GetProperty(name, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)?.GetCustomAttribute<IdAttribute>() : null)
        orderby id?.Id, name
        select (name, field.FieldType, id?.Id);

    /// <summary>A line for each thing that may not change without the version's being raised.</summary>
    public string Describe()
    {
        var text = new StringBuilder().Append("contract ").Append(ContractVersion.Current).Append('\n');
        foreach (var type in Interfaces)
        {
            var version = type.GetCustomAttribute<VersionAttribute>()?.Version;
            text.Append('\n').Append("interface ").Append(AliasOf(type)).Append(version is null ? "" : $" version {version}").Append('\n');
            foreach (var method in MethodsOf(type))
            {
                text.Append("  ").Append(AliasOf(method)).Append('(').AppendJoin(", ", method.GetParameters().Select(parameter => NameOf(parameter.ParameterType))).Append(") -> ")
                    .Append(NameOf(method.ReturnType)).Append('\n');
            }
        }

        foreach (var type in Types)
        {
            text.Append('\n').Append(type.IsEnum ? "enum " : type.IsAbstract ? "abstract type " : "type ").Append(NameOf(type));
            text.Append(type.IsEnum ? $" of {Enum.GetUnderlyingType(type).Name}" : IsOwn(type.BaseType) ? $" is {NameOf(type.BaseType!)}" : "").Append('\n');
            foreach (var line in type.IsEnum ? type.GetEnumNames().Select(name => $"{Convert.ToInt64(Enum.Parse(type, name), null)} {name}") : MembersOf(type).Select(member => $"{member.Id} {NameOf(member.Type)}"))
            {
                text.Append("  ").Append(line).Append('\n');
            }
        }

        return text.ToString();
    }

    private void Note(Type type)
    {
        if (type.HasElementType)
        {
            Note(type.GetElementType()!);
            return;
        }

        foreach (var argument in type.GetGenericArguments())
        {
            Note(argument);
        }

        if (!IsOwn(type) || type.IsInterface || !_types.TryAdd(NameOf(type), type) || type.IsEnum)
        {
            return;
        }

        foreach (var member in MembersOf(type))
        {
            Note(member.Type);
        }

        Note(type.BaseType!);
        foreach (var derived in type.IsSealed ? [] : _assemblies.SelectMany(assembly => assembly.GetTypes()).Where(other => other.BaseType == type))
        {
            Note(derived);
        }
    }

    private static bool IsOwn(Type? type) => type?.FullName?.StartsWith("Granary.", StringComparison.Ordinal) == true;

    private static string NameOf(Type type) =>
        type.IsArray ? $"{NameOf(type.GetElementType()!)}[]"
        : Nullable.GetUnderlyingType(type) is { } value ? $"{NameOf(value)}?"
        : type.IsGenericType ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : AliasOf(type) ?? type.Name;
}
