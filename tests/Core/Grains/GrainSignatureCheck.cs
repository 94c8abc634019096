using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Granary.Core.Tests.Grains;

/// <summary>
/// Refuses grain signatures and states that work within one process and not between two, or only at the price of a copy: types that Orleans' serializer does
/// not know, members that would arrive empty, bytes that would be copied.
/// </summary>
internal sealed class GrainSignatureCheck
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly HashSet<Type> Returns = [typeof(Task), typeof(ValueTask)];
    private static readonly HashSet<Type> GenericReturns = [typeof(Task<>), typeof(ValueTask<>), typeof(IAsyncEnumerable<>)];

    private readonly List<string> _violations = [];
    private readonly HashSet<Type> _seen = [];

    private GrainSignatureCheck()
    {
    }

    /// <summary>One line per violation in the grain interfaces, observer interfaces and grain states of the assembly; empty if it is clean.</summary>
    public static IReadOnlyList<string> Violations(Assembly assembly)
    {
        var check = new GrainSignatureCheck();
        foreach (var type in assembly.GetTypes())
        {
            if (type.IsInterface && typeof(IAddressable).IsAssignableFrom(type))
            {
                check.CheckInterface(type);
            }
            else if (type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false) && type.Assembly == assembly)
            {
                check.CheckType(type, type.FullName!);
            }
        }

        return check._violations;
    }

    private static string Describe(MethodInfo method) => $"{method.DeclaringType!.Name}.{method.Name}";

    private static bool IsBytes(Type type) => type == typeof(byte[]) || type == typeof(Memory<byte>) || type == typeof(ReadOnlyMemory<byte>)
        || type == typeof(ArraySegment<byte>);

    private static bool IsFramework(Type type) => type.Namespace is { } space
        && (space == "System" || space.StartsWith("System.", StringComparison.Ordinal) || space == "Orleans"
            || space.StartsWith("Orleans.", StringComparison.Ordinal));

    private void CheckInterface(Type grainInterface)
    {
        foreach (var method in grainInterface.GetMethods().Where(method => method.IsAbstract))
        {
            var name = Describe(method);
            var result = method.ReturnType;
            var isObserver = typeof(IGrainObserver).IsAssignableFrom(grainInterface);
            if (result.IsGenericType && GenericReturns.Contains(result.GetGenericTypeDefinition()))
            {
                var answer = result.GetGenericArguments()[0];
                if (IsBytes(answer))
                {
                    _violations.Add($"{name} returns {answer.Name}, which is copied: return Immutable<T> or an [Immutable] type.");
                }

                CheckType(answer, $"{name} (result)");
            }
            else if (!Returns.Contains(result) && !(isObserver && result == typeof(void)))
            {
                _violations.Add($"{name} returns {result.Name}; a grain method returns Task or ValueTask.");
            }

            foreach (var parameter in method.GetParameters())
            {
                CheckParameter(parameter, name);
            }
        }
    }

    private void CheckParameter(ParameterInfo parameter, string method)
    {
        var where = $"{method}({parameter.Name})";
        if (parameter.ParameterType.IsByRef)
        {
            _violations.Add($"{where} is passed by reference.");
            return;
        }

        if (IsBytes(parameter.ParameterType) && !parameter.IsDefined(typeof(ImmutableAttribute)))
        {
            _violations.Add($"{where} is bare {parameter.ParameterType.Name}, which is copied: mark it [Immutable].");
        }

        CheckType(parameter.ParameterType, where);
    }

    private void CheckType(Type type, string where)
    {
        if (type.HasElementType)
        {
            CheckType(type.GetElementType()!, where);
            return;
        }

        if (type.IsGenericType)
        {
            foreach (var argument in type.GetGenericArguments().Where(argument => !argument.IsGenericParameter))
            {
                CheckType(argument, where);
            }
        }

        if (type.IsPrimitive || type.IsEnum || type.IsGenericParameter || IsFramework(type) || typeof(IAddressable).IsAssignableFrom(type)
            || typeof(Exception).IsAssignableFrom(type) || !_seen.Add(type))
        {
            return;
        }

        if (type.IsInterface || (type.IsAbstract && !type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false)))
        {
            _violations.Add($"{where}: {type.FullName} is {(type.IsInterface ? "an interface" : "abstract without [GenerateSerializer]")}.");
            return;
        }

        if (!type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false))
        {
            _violations.Add($"{where}: {type.FullName} has no [GenerateSerializer].");
            return;
        }

        CheckMembers(type);
    }

    private void CheckMembers(Type type)
    {
        var ids = new Dictionary<uint, string>();
        var positional = PositionalParameters(type);
        foreach (var field in type.GetFields(Declared).Where(field => !field.IsDefined(typeof(NonSerializedAttribute))))
        {
            var property = PropertyOf(type, field);
            var name = property?.Name ?? field.Name;
            var id = field.GetCustomAttribute<IdAttribute>() ?? property?.GetCustomAttribute<IdAttribute>();
            if (id is null && !positional.Contains(name))
            {
                _violations.Add($"{type.FullName}.{name} has no [Id]: it would arrive empty.");
            }
            else if (id is not null && !ids.TryAdd(id.Id, name))
            {
                _violations.Add($"{type.FullName}.{name} has the [Id({id.Id})] of {ids[id.Id]}.");
            }

            CheckType(field.FieldType, $"{type.FullName}.{name}");
        }

        if (type.BaseType is { } ancestor && ancestor != typeof(object) && ancestor != typeof(ValueType))
        {
            CheckType(ancestor, type.FullName!);
        }
    }

    /// <summary>The positional parameters of a record travel without an id.</summary>
    private static ImmutableHashSet<string> PositionalParameters(Type type) => type.GetMethods(Declared)
        .Where(method => method.Name == "Deconstruct" && method.IsDefined(typeof(CompilerGeneratedAttribute)))
        .SelectMany(method => method.GetParameters())
        .Select(parameter => parameter.Name!)
        .ToImmutableHashSet();

    private static PropertyInfo? PropertyOf(Type type, FieldInfo field) => field.Name.StartsWith('<')
        ? type.GetProperty(field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)], Declared)
        : null;
}
