using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Orleans.Concurrency;

namespace Orleans.StandIn;

/// <summary>Builds, per method of a grain interface, the class that holds the arguments of a call and makes it.</summary>
internal static class CallClasses
{
    private const MethodAttributes Override = MethodAttributes.Virtual | MethodAttributes.HideBySig | MethodAttributes.Final;

    public static string FieldOf(ParameterInfo parameter) => $"Argument{parameter.Position}";

    public static Type Build(ModuleBuilder module, MethodInfo method, int index)
    {
        if (method.IsGenericMethodDefinition || method.GetParameters().Any(parameter => parameter.ParameterType.IsByRef))
        {
            throw new NotSupportedException($"{method.DeclaringType}.{method.Name}: generic methods and by-ref parameters cannot be called here.");
        }

        var kind = KindOf(method);
        var call = module.DefineType($"Call{index}_{method.Name}", TypeAttributes.Public | TypeAttributes.Sealed, kind);
        var constructor = call.DefineDefaultConstructor(MethodAttributes.Public);
        ArgumentNullException.ThrowIfNull(constructor);
        var fields = method.GetParameters()
            .Select(parameter => call.DefineField(FieldOf(parameter), parameter.ParameterType, FieldAttributes.Public))
            .ToArray();
        AddInvoke(call, kind, method, fields);
        AddRecycle(call, fields);
        AddConstants(call, method);
        return call.CreateType();
    }

    private static Type KindOf(MethodInfo method)
    {
        var result = method.ReturnType;
        if (result == typeof(void))
        {
            return typeof(VoidCall);
        }

        if (result == typeof(Task))
        {
            return typeof(TaskCall);
        }

        if (result == typeof(ValueTask))
        {
            return typeof(ValueTaskCall);
        }

        var definition = result.IsGenericType ? result.GetGenericTypeDefinition() : null;
        if (definition == typeof(Task<>))
        {
            return typeof(TaskCall<>).MakeGenericType(result.GetGenericArguments());
        }

        if (definition == typeof(ValueTask<>))
        {
            return typeof(ValueTaskCall<>).MakeGenericType(result.GetGenericArguments());
        }

        throw new NotSupportedException($"{method.DeclaringType}.{method.Name} returns {result}; a grain method returns a Task or ValueTask.");
    }

    private static void AddInvoke(TypeBuilder call, Type kind, MethodInfo method, FieldBuilder[] fields)
    {
        var invoke = call.DefineMethod("Invoke", MethodAttributes.Family | Override, method.ReturnType, [typeof(object)]);
        var il = invoke.GetILGenerator();
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Castclass, method.DeclaringType!);
        foreach (var field in fields)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, field);
        }

        il.Emit(OpCodes.Callvirt, method);
        il.Emit(OpCodes.Ret);
        call.DefineMethodOverride(invoke, kind.GetMethod("Invoke", BindingFlags.Instance | BindingFlags.NonPublic)!);
    }

    private static void AddRecycle(TypeBuilder call, FieldBuilder[] fields)
    {
        var recycle = call.DefineMethod("Recycle", MethodAttributes.Family | Override, typeof(void), []);
        var il = recycle.GetILGenerator();
        foreach (var field in fields.Where(field => HoldsReferences(field.FieldType)))
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldflda, field);
            il.Emit(OpCodes.Initobj, field.FieldType);
        }

        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Call, TypeBuilder.GetMethod(typeof(CallPool<>).MakeGenericType(call), typeof(CallPool<>).GetMethod("Return")!));
        il.Emit(OpCodes.Ret);
    }

    private static bool HoldsReferences(Type type) => (bool)typeof(RuntimeHelpers)
        .GetMethod(nameof(RuntimeHelpers.IsReferenceOrContainsReferences))!
        .MakeGenericMethod(type)
        .Invoke(null, null)!;

    private static void AddConstants(TypeBuilder call, MethodInfo method)
    {
        var traits = (method.IsDefined(typeof(OneWayAttribute)) || method.ReturnType == typeof(void) ? CallTraits.OneWay : CallTraits.None)
            | (method.IsDefined(typeof(AlwaysInterleaveAttribute)) ? CallTraits.AlwaysInterleave : CallTraits.None)
            | (method.IsDefined(typeof(ReadOnlyAttribute)) ? CallTraits.ReadOnly : CallTraits.None);
        if ((traits & CallTraits.OneWay) != 0 && method.ReturnType.IsGenericType)
        {
            throw new NotSupportedException($"{method.DeclaringType}.{method.Name} is one-way and cannot return a value.");
        }

        AddGetter(call, nameof(Call.Traits), typeof(CallTraits), il => il.Emit(OpCodes.Ldc_I4, (int)traits));
        AddGetter(call, nameof(Call.Name), typeof(string), il => il.Emit(OpCodes.Ldstr, $"{method.DeclaringType!.Name}.{method.Name}"));
        if (method.GetCustomAttribute<ResponseTimeoutAttribute>()?.Timeout is { } timeout)
        {
            AddGetter(call, nameof(Call.TimeoutMilliseconds), typeof(int), il => il.Emit(OpCodes.Ldc_I4, (int)timeout.TotalMilliseconds));
        }
    }

    private static void AddGetter(TypeBuilder call, string property, Type type, Action<ILGenerator> load)
    {
        var getter = call.DefineMethod($"get_{property}", MethodAttributes.Public | MethodAttributes.SpecialName | Override, type, []);
        var il = getter.GetILGenerator();
        load(il);
        il.Emit(OpCodes.Ret);
    }
}
