using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Emit;
using Orleans.Runtime;
using Orleans.StandIn.Copying;

namespace Orleans.StandIn;

/// <summary>Builds, per grain interface, the class of its references: each method fills a call object and posts it.</summary>
internal static class Proxies
{
    private static readonly ConcurrentDictionary<Type, Lazy<Func<ReferenceSeed, object>>> Made = new();
    private static readonly MethodInfo CopyMethod = typeof(Copier).GetMethod(nameof(Copier.CopyArgument))!;

    public static Func<ReferenceSeed, object> Of(Type grainInterface)
        => Made.GetOrAdd(grainInterface, static type => new(() => Build(type))).Value;

    private static Func<ReferenceSeed, object> Build(Type grainInterface)
    {
        if (!grainInterface.IsInterface || !typeof(IAddressable).IsAssignableFrom(grainInterface))
        {
            throw new ArgumentException($"{grainInterface} is not a grain interface.");
        }

        var assembly = AssemblyBuilder.DefineDynamicAssembly(new($"GrainProxies.{grainInterface.FullName}"), AssemblyBuilderAccess.Run);
        var module = assembly.DefineDynamicModule("proxies");
        var methods = grainInterface.GetInterfaces().Append(grainInterface)
            .SelectMany(type => type.GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(method => method.IsAbstract)
            .ToArray();
        FriendAccess.Grant(assembly, module, grainInterface, methods);

        var proxy = module.DefineType("Proxy", TypeAttributes.Public | TypeAttributes.Sealed, typeof(GrainReference), [grainInterface]);
        for (var index = 0; index < methods.Length; index++)
        {
            Implement(proxy, methods[index], CallClasses.Build(module, methods[index], index));
        }

        var constructor = AddConstructor(proxy);
        var create = proxy.DefineMethod("Create", MethodAttributes.Public | MethodAttributes.Static, typeof(object), [typeof(ReferenceSeed)]);
        var il = create.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Newobj, constructor);
        il.Emit(OpCodes.Ret);
        return proxy.CreateType().GetMethod("Create")!.CreateDelegate<Func<ReferenceSeed, object>>();
    }

    private static ConstructorBuilder AddConstructor(TypeBuilder proxy)
    {
        var constructor = proxy.DefineConstructor(MethodAttributes.Public, CallingConventions.HasThis, [typeof(ReferenceSeed)]);
        var il = constructor.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Call, typeof(GrainReference).GetConstructor(BindingFlags.Instance | BindingFlags.NonPublic, [typeof(ReferenceSeed)])!);
        il.Emit(OpCodes.Ret);
        return constructor;
    }

    private static void Implement(TypeBuilder proxy, MethodInfo method, Type call)
    {
        var parameters = method.GetParameters();
        var body = proxy.DefineMethod(
            $"{method.DeclaringType!.FullName}.{method.Name}",
            MethodAttributes.Private | MethodAttributes.Virtual | MethodAttributes.Final | MethodAttributes.NewSlot,
            method.ReturnType,
            [.. parameters.Select(parameter => parameter.ParameterType)]);
        proxy.DefineMethodOverride(body, method);

        var il = body.GetILGenerator();
        var local = il.DeclareLocal(call);
        il.Emit(OpCodes.Call, typeof(CallPool<>).MakeGenericType(call).GetMethod("Rent")!);
        il.Emit(OpCodes.Stloc, local);
        foreach (var parameter in parameters)
        {
            il.Emit(OpCodes.Ldloc, local);
            il.Emit(OpCodes.Ldarg, (short)(parameter.Position + 1));
            if (!Copier.PassesByReference(parameter))
            {
                il.Emit(OpCodes.Call, CopyMethod.MakeGenericMethod(parameter.ParameterType));
            }

            il.Emit(OpCodes.Stfld, call.GetField(CallClasses.FieldOf(parameter))!);
        }

        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldloc, local);
        il.Emit(OpCodes.Call, SendMethodFor(call.BaseType!));
        il.Emit(OpCodes.Ret);
    }

    private static MethodInfo SendMethodFor(Type kind)
    {
        foreach (var method in typeof(GrainReference).GetMethods(BindingFlags.Instance | BindingFlags.NonPublic))
        {
            if (method.Name != "Send")
            {
                continue;
            }

            var candidate = method.IsGenericMethodDefinition == kind.IsGenericType
                ? (kind.IsGenericType ? method.MakeGenericMethod(kind.GetGenericArguments()) : method)
                : null;
            if (candidate?.GetParameters()[0].ParameterType == kind)
            {
                return candidate;
            }
        }

        throw new MissingMethodException(nameof(GrainReference), $"Send({kind})");
    }
}

/// <summary>Lets generated code use interfaces and types that are internal to their assemblies.</summary>
internal static class FriendAccess
{
    public static void Grant(AssemblyBuilder assembly, ModuleBuilder module, Type grainInterface, IEnumerable<MethodInfo> methods)
    {
        var constructor = DefineAttribute(module);
        var names = methods
            .SelectMany(method => method.GetParameters().Select(parameter => parameter.ParameterType).Append(method.ReturnType))
            .SelectMany(Parts)
            .Append(grainInterface)
            .Append(typeof(Call))
            .SelectMany(type => type.GetInterfaces().Append(type))
            .Select(type => type.Assembly.GetName().Name!)
            .Distinct();
        foreach (var name in names)
        {
            assembly.SetCustomAttribute(new CustomAttributeBuilder(constructor, [name]));
        }
    }

    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType)
        {
            return Parts(type.GetElementType()!);
        }

        return type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type) : [type];
    }

    // The runtime honours this attribute by its name; the framework does not define it.
    private static ConstructorBuilder DefineAttribute(ModuleBuilder module)
    {
        var attribute = module.DefineType(
            "System.Runtime.CompilerServices.IgnoresAccessChecksToAttribute",
            TypeAttributes.Public | TypeAttributes.Sealed,
            typeof(Attribute));
        attribute.SetCustomAttribute(new CustomAttributeBuilder(
            typeof(AttributeUsageAttribute).GetConstructor([typeof(AttributeTargets)])!,
            [AttributeTargets.Assembly],
            [typeof(AttributeUsageAttribute).GetProperty(nameof(AttributeUsageAttribute.AllowMultiple))!],
            [true]));
        var constructor = attribute.DefineConstructor(MethodAttributes.Public, CallingConventions.HasThis, [typeof(string)]);
        var il = constructor.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Call, typeof(Attribute).GetConstructor(BindingFlags.Instance | BindingFlags.NonPublic, [])!);
        il.Emit(OpCodes.Ret);
        attribute.CreateType();
        return constructor;
    }
}
