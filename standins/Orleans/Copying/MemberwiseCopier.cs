using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Orleans.StandIn.Copying;

/// <summary>Copies a type marked for serialization field by field; what has no id does not travel, as with the real serializer.</summary>
internal static class MemberwiseCopier
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private delegate void FieldCopy(object source, object target, CopyContext context);

    public static Func<object, CopyContext, object> Build(Type type)
    {
        var create = Creator(type);
        var copyFields = Compile(type, [.. Hierarchy(type).SelectMany(SerializedFields)]);
        return (value, context) =>
        {
            var copy = create();
            context.Add(value, copy);
            copyFields(value, copy, context);
            return copy;
        };
    }

    private static Func<object> Creator(Type type)
    {
        var constructor = type.GetConstructor(Declared, []);
        return constructor is null || type.IsValueType
            ? () => RuntimeHelpers.GetUninitializedObject(type)
            : () => constructor.Invoke(null);
    }

    private static IEnumerable<Type> Hierarchy(Type type)
    {
        for (var current = type; current is not null && current != typeof(object) && current != typeof(ValueType); current = current.BaseType)
        {
            yield return current;
        }
    }

    private static IEnumerable<FieldInfo> SerializedFields(Type type)
    {
        var fields = type.GetFields(Declared);
        if (type.Namespace == "System" || type.Namespace == "System.Collections.Generic")
        {
            return fields;
        }

        var primary = PrimaryParameters(type);
        return fields.Where(field => field.IsDefined(typeof(IdAttribute))
            || (PropertyOf(type, field) is { } property && (property.IsDefined(typeof(IdAttribute)) || primary.Contains(property.Name))));
    }

    /// <summary>The names of a record's positional parameters, which travel without an id.</summary>
    private static HashSet<string> PrimaryParameters(Type type)
    {
        if (type.GetCustomAttribute<GenerateSerializerAttribute>(inherit: false) is not { IncludePrimaryConstructorParameters: true })
        {
            return [];
        }

        var deconstruct = type.GetMethods(Declared).Where(method => method.Name == "Deconstruct" && method.IsDefined(typeof(CompilerGeneratedAttribute)));
        return [.. deconstruct.SelectMany(method => method.GetParameters()).Select(parameter => parameter.Name!)];
    }

    private static PropertyInfo? PropertyOf(Type type, FieldInfo field)
        => field.Name.StartsWith('<') && field.Name.EndsWith(">k__BackingField", StringComparison.Ordinal)
            ? type.GetProperty(field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)], Declared)
            : null;

    private static FieldCopy Compile(Type type, FieldInfo[] fields)
    {
        var method = new DynamicMethod($"Copy.{type.Name}", null, [typeof(object), typeof(object), typeof(CopyContext)], typeof(MemberwiseCopier).Module, true);
        var il = method.GetILGenerator();
        foreach (var field in fields)
        {
            // Unbox gives the address inside the box, so structs are filled in place.
            var reach = field.DeclaringType!.IsValueType ? OpCodes.Unbox : OpCodes.Castclass;
            il.Emit(OpCodes.Ldarg_1);
            il.Emit(reach, field.DeclaringType);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(reach, field.DeclaringType);
            il.Emit(OpCodes.Ldfld, field);
            if (!TypeRules.IsImmutable(field.FieldType) && !IsMarkedImmutable(type, field))
            {
                il.Emit(OpCodes.Ldarg_2);
                il.Emit(OpCodes.Call, typeof(MemberwiseCopier).GetMethod(nameof(CopyField), BindingFlags.Static | BindingFlags.NonPublic)!
                    .MakeGenericMethod(field.FieldType));
            }

            il.Emit(OpCodes.Stfld, field);
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<FieldCopy>();
    }

    private static bool IsMarkedImmutable(Type type, FieldInfo field)
        => field.IsDefined(typeof(ImmutableAttribute)) || PropertyOf(field.DeclaringType ?? type, field)?.IsDefined(typeof(ImmutableAttribute)) == true;

    private static T CopyField<T>(T value, CopyContext context) => (T)Copier.CopyObject(value, context)!;
}
