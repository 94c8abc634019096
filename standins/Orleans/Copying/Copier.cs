using System.Collections.Concurrent;
using System.ComponentModel;
using System.Reflection;
using Orleans.Serialization;

namespace Orleans.StandIn.Copying;

/// <summary>Copies what is handed to and returned by grains, so that sharing a mutable object never works by accident.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class Copier
{
    private static readonly ConcurrentDictionary<Type, Func<object, CopyContext, object>> ByType = new();

    public static T CopyArgument<T>(T value) => CopierOf<T>.Copy(value);

    internal static bool PassesByReference(ParameterInfo parameter)
        => parameter.IsDefined(typeof(ImmutableAttribute)) || TypeRules.IsImmutable(parameter.ParameterType);

    internal static object? CopyObject(object? value, CopyContext context)
    {
        if (value is null)
        {
            return null;
        }

        var type = value.GetType();
        if (TypeRules.IsImmutable(type))
        {
            return value;
        }

        if (context.TryGet(value, out var known))
        {
            return known;
        }

        return ByType.GetOrAdd(type, static type => CopierFactory.Build(type))(value, context);
    }

    internal static CodecNotFoundException NotMarked(Type type) => new(
        $"Could not find a copier for type {type}: give it [GenerateSerializer] and its members [Id], or use a type that has them.");
}

/// <summary>The way values of static type <typeparamref name="T"/> are copied.</summary>
internal static class CopierOf<T>
{
    public static readonly bool ByReference = TypeRules.IsImmutable(typeof(T));

    public static T Copy(T value)
    {
        if (ByReference || value is null)
        {
            return value;
        }

        if (typeof(T) == typeof(byte[]))
        {
            return (T)((byte[])(object)value).Clone();
        }

        if (typeof(T) == typeof(ReadOnlyMemory<byte>))
        {
            return (T)(object)(ReadOnlyMemory<byte>)((ReadOnlyMemory<byte>)(object)value).ToArray();
        }

        return (T)Copier.CopyObject(value, new())!;
    }
}

/// <summary>The objects that one copy has met, so that shared and cyclic references stay so.</summary>
internal sealed class CopyContext
{
    private Dictionary<object, object>? _copies;

    public bool TryGet(object original, out object? copy)
    {
        copy = null;
        return _copies is not null && _copies.TryGetValue(original, out copy);
    }

    public void Add(object original, object copy)
    {
        if (!original.GetType().IsValueType)
        {
            (_copies ??= new(ReferenceEqualityComparer.Instance))[original] = copy;
        }
    }
}
