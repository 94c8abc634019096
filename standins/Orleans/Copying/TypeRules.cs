using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Reflection;
using System.Text;
using Orleans.Runtime;

namespace Orleans.StandIn.Copying;

/// <summary>Which types may be shared between a caller and a grain.</summary>
internal static class TypeRules
{
    private static readonly FrozenSet<Type> Known = new[]
    {
        typeof(string), typeof(decimal), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly), typeof(Guid),
        typeof(Half), typeof(Int128), typeof(UInt128), typeof(BigInteger), typeof(Rune), typeof(Uri), typeof(Version), typeof(CultureInfo),
        typeof(IPAddress), typeof(IPEndPoint), typeof(CancellationToken), typeof(Nothing), typeof(object), typeof(Index), typeof(Range),
    }.ToFrozenSet();

    private static readonly ConcurrentDictionary<Type, bool> Immutable = new();

    public static bool IsImmutable(Type type) => Immutable.GetOrAdd(type, static type => Decide(type));

    private static bool Decide(Type type)
    {
        if (type == typeof(object))
        {
            return false;
        }

        if (type.IsPrimitive || type.IsEnum || Known.Contains(type) || type.IsDefined(typeof(ImmutableAttribute), inherit: false))
        {
            return true;
        }

        if (typeof(GrainReference).IsAssignableFrom(type) || typeof(Type).IsAssignableFrom(type) || typeof(Exception).IsAssignableFrom(type)
            || typeof(Delegate).IsAssignableFrom(type))
        {
            return !typeof(Delegate).IsAssignableFrom(type);
        }

        // A struct is its own copy where nothing in it can be shared.
        return type.IsValueType && IsTransparent(type) && Fields(type).All(field => field.FieldType != type && IsImmutable(field.FieldType));
    }

    private static bool IsTransparent(Type type)
        => type.IsDefined(typeof(GenerateSerializerAttribute)) || Nullable.GetUnderlyingType(type) is not null
            || type.FullName!.StartsWith("System.ValueTuple`", StringComparison.Ordinal)
            || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>));

    private static IEnumerable<FieldInfo> Fields(Type type)
        => type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
}
