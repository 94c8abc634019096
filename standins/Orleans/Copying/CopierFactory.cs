using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.CompilerServices;
using Orleans.Runtime;

namespace Orleans.StandIn.Copying;

/// <summary>Builds the copier of one run-time type.</summary>
internal static class CopierFactory
{
    private static readonly Dictionary<Type, string> Generics = new()
    {
        [typeof(List<>)] = nameof(CopyCollection),
        [typeof(HashSet<>)] = nameof(CopyCollection),
        [typeof(SortedSet<>)] = nameof(CopyCollection),
        [typeof(Queue<>)] = nameof(CopyCollection),
        [typeof(Stack<>)] = nameof(CopyCollection),
        [typeof(LinkedList<>)] = nameof(CopyCollection),
        [typeof(ConcurrentQueue<>)] = nameof(CopyCollection),
        [typeof(Dictionary<,>)] = nameof(CopyDictionary),
        [typeof(SortedDictionary<,>)] = nameof(CopyDictionary),
        [typeof(SortedList<,>)] = nameof(CopyDictionary),
        [typeof(ConcurrentDictionary<,>)] = nameof(CopyDictionary),
        [typeof(Memory<>)] = nameof(CopyMemory),
        [typeof(ReadOnlyMemory<>)] = nameof(CopyReadOnlyMemory),
        [typeof(ArraySegment<>)] = nameof(CopySegment),
        [typeof(ImmutableArray<>)] = nameof(CopyImmutableArray),
    };

    public static Func<object, CopyContext, object> Build(Type type)
    {
        if (type.IsArray)
        {
            return type.IsSZArray
                ? Close(nameof(CopyArray), type.GetElementType()!)
                : throw new NotSupportedException($"Arrays of several dimensions ({type}) are not copied here.");
        }

        if (type.IsGenericType && Generics.TryGetValue(type.GetGenericTypeDefinition(), out var method))
        {
            return Close(method, method is nameof(CopyCollection) or nameof(CopyDictionary) ? [type, .. type.GetGenericArguments()] : type.GetGenericArguments());
        }

        if (type == typeof(object))
        {
            return static (_, _) => new();
        }

        if (type == typeof(BitArray))
        {
            return static (value, _) => ((BitArray)value).Clone();
        }

        if (typeof(IGrainBase).IsAssignableFrom(type) && typeof(IAddressable).IsAssignableFrom(type))
        {
            return static (value, _) => ((IGrainBase)value).GrainContext.GrainReference;
        }

        if (type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false) || IsTuple(type))
        {
            return MemberwiseCopier.Build(type);
        }

        throw Copier.NotMarked(type);
    }

    private static bool IsTuple(Type type) => typeof(ITuple).IsAssignableFrom(type) && type.Namespace == "System"
        || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>));

    private static Func<object, CopyContext, object> Close(string method, params Type[] arguments) => typeof(CopierFactory)
        .GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!
        .MakeGenericMethod(arguments)
        .CreateDelegate<Func<object, CopyContext, object>>();

    private static T Element<T>(T value, CopyContext context)
        => CopierOf<T>.ByReference ? value : (T)Copier.CopyObject(value, context)!;

    private static object CopyArray<T>(object value, CopyContext context)
    {
        var copy = (T[])((T[])value).Clone();
        context.Add(value, copy);
        if (!CopierOf<T>.ByReference)
        {
            for (var index = 0; index < copy.Length; index++)
            {
                copy[index] = Element(copy[index], context);
            }
        }

        return copy;
    }

    private static object CopyCollection<TCollection, T>(object value, CopyContext context)
        where TCollection : class, IEnumerable<T>
    {
        if (value is HashSet<T> set)
        {
            var copiedSet = new HashSet<T>(set.Count, set.Comparer);
            context.Add(value, copiedSet);
            copiedSet.UnionWith(set.Select(item => Element(item, context)));
            return copiedSet;
        }

        if (value is List<T> list)
        {
            var copiedList = new List<T>(list.Count);
            context.Add(value, copiedList);
            copiedList.AddRange(list.Select(item => Element(item, context)));
            return copiedList;
        }

        var items = ((TCollection)value).Select(item => Element(item, context));
        object copy = value switch
        {
            SortedSet<T> sorted => new SortedSet<T>(items, sorted.Comparer),
            Stack<T> => new Stack<T>(items.Reverse()),
            Queue<T> => new Queue<T>(items),
            LinkedList<T> => new LinkedList<T>(items),
            ConcurrentQueue<T> => new ConcurrentQueue<T>(items),
            _ => throw Copier.NotMarked(value.GetType()),
        };
        context.Add(value, copy);
        return copy;
    }

    private static object CopyDictionary<TDictionary, TKey, TValue>(object value, CopyContext context)
        where TDictionary : IDictionary<TKey, TValue>
        where TKey : notnull
    {
        IDictionary<TKey, TValue> copy = value switch
        {
            Dictionary<TKey, TValue> dictionary => new Dictionary<TKey, TValue>(dictionary.Count, dictionary.Comparer),
            SortedDictionary<TKey, TValue> sorted => new SortedDictionary<TKey, TValue>(sorted.Comparer),
            SortedList<TKey, TValue> list => new SortedList<TKey, TValue>(list.Comparer),
            ConcurrentDictionary<TKey, TValue> concurrent => new ConcurrentDictionary<TKey, TValue>(concurrent.Comparer),
            _ => throw Copier.NotMarked(value.GetType()),
        };
        context.Add(value, copy);
        foreach (var (key, item) in (TDictionary)value)
        {
            copy.Add(Element(key, context), Element(item, context));
        }

        return copy;
    }

    private static object CopyMemory<T>(object value, CopyContext context)
        => new Memory<T>((T[])CopyArray<T>(((Memory<T>)value).ToArray(), context));

    private static object CopyReadOnlyMemory<T>(object value, CopyContext context)
        => new ReadOnlyMemory<T>((T[])CopyArray<T>(((ReadOnlyMemory<T>)value).ToArray(), context));

    private static object CopySegment<T>(object value, CopyContext context)
        => ((ArraySegment<T>)value).Array is null ? value : new ArraySegment<T>((T[])CopyArray<T>(((ArraySegment<T>)value).ToArray(), context));

    private static object CopyImmutableArray<T>(object value, CopyContext context)
        => ((ImmutableArray<T>)value).IsDefault ? value : ((ImmutableArray<T>)value).Select(item => Element(item, context)).ToImmutableArray();
}
